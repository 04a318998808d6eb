// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Consumers is what the reports of the second tier say. Items are spans, log records and data points.
type Consumers struct {
	// Reports is the number of processes that told of the topic and the group; Members how many the group had.
	Reports int `json:"reports"`
	Members int `json:"members"`
	// Delivery is the weakest word of their delivery checks; empty without a report. Reason says why it is weaker than
	// acknowledged.
	Delivery progress.Delivery `json:"delivery,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	// Unfinished is how many processes neither write their reports any more nor told that they ended: killed ones.
	Unfinished int `json:"unfinished,omitempty"`
	// Rejected items were refused for good; DeadLettered is the part of them that lies in a file of dead letters.
	Rejected     int64 `json:"rejected"`
	DeadLettered int64 `json:"dead_lettered"`
	// DeadLetterTopics are the topics that they set aside to what a destination refuses for good.
	DeadLetterTopics []string `json:"dead_letter_topics,omitempty"`
	// Problems name what is not delivered.
	Problems []string `json:"-"`
}

// SumConsumers adds the reports of consumers of a topic up that are members of a group.
func SumConsumers(documents []Document, topic, group string) Consumers {
	var c Consumers
	for i := range documents {
		d := &documents[i]
		if !d.reads(topic, group) {
			continue
		}
		c.Reports++
		for _, r := range d.TopicReaders {
			if !(Topic{r.Topic}).is(topic) || r.GroupID != group {
				continue
			}
			c.reader(d, &r)
		}
		for _, x := range d.Destinations {
			c.Rejected += x.Rejected
			c.DeadLettered += x.DeadLettered
			if x.Rejected > 0 {
				c.Problems = append(c.Problems, fmt.Sprintf("%s: %s refused for good, %d of them in the dead letters",
					d.Place, progress.Count(x.Rejected, "item"), x.DeadLettered))
			}
			if x.Held != "" {
				c.Problems = append(c.Problems, fmt.Sprintf("%s: data is held for %s: %s", d.Place, x.Name, x.Held))
			}
		}
		if !d.InTopic {
			c.rejectedEarlier(d.Place, d.RejectedEarlier)
		}
		for _, a := range d.Answers {
			c.Rejected += a.Rejected
			if a.Rejected > 0 {
				c.Problems = append(c.Problems, fmt.Sprintf("%s: %s rejected by a destination that took the rest of "+
					"the request", d.Place, progress.Count(a.Rejected, "item")))
			}
		}
	}
	// In a topic the processes before have reports of their own, but not each had its last one written there.
	for i := range documents {
		if d := &documents[i]; d.InTopic && d.reads(topic, group) {
			c.rejectedEarlier(d.Place, d.RejectedEarlier-c.Rejected)
		}
	}
	return c
}

// rejectedEarlier adds items that were rejected in processes before one, if there are any.
func (c *Consumers) rejectedEarlier(place string, n int64) {
	if n <= 0 {
		return
	}
	c.Rejected += n
	c.Problems = append(c.Problems, fmt.Sprintf("%s: %s rejected in processes before this one", place,
		progress.Count(n, "item")))
}

// reader adds one receiver of a consumer.
func (c *Consumers) reader(d *Document, r *TopicReader) {
	word, reason := r.Delivery, ""
	if !word.AtLeast(progress.Acknowledged) {
		reason = fmt.Sprintf("%s, %s: delivery is %s", d.Place, r.Receiver, word)
		if len(r.Notes) > 0 {
			reason += ": " + r.Notes[0]
		}
	}
	if earlier := r.Earlier; earlier != "" && !earlier.AtLeast(progress.Acknowledged) && !d.InTopic {
		word = progress.Weakest(word, earlier)
		reason = cmp.Or(reason, fmt.Sprintf("%s, %s: delivery was %s in processes before this one, whose reports were "+
			"in the same file", d.Place, r.Receiver, earlier))
	}
	for _, x := range r.DeadLetters {
		topic, ok := strings.CutPrefix(x.Name, "topic ")
		topic, brokers, _ := strings.Cut(topic, " at ")
		_, own, _ := strings.Cut(r.Topic, " at ")
		if ok && sameCluster(brokers, own) {
			c.DeadLetterTopics = append(c.DeadLetterTopics, topic)
			continue
		}
		word = progress.Weakest(word, progress.HandedOver)
		reason = cmp.Or(reason, fmt.Sprintf("%s, %s: what a destination refuses for good is set aside in %s, which is "+
			"not looked at here; use a topic", d.Place, r.Receiver, x.Name))
	}
	if weaker := progress.Weakest(c.Delivery, word); weaker != c.Delivery {
		c.Delivery, c.Reason = weaker, reason
	}
}

// sameCluster reports whether two lists of brokers in one configuration are of one cluster: they share an address.
func sameCluster(a, b string) bool {
	others := strings.Split(b, ", ")
	return slices.ContainsFunc(strings.Split(a, ", "), func(broker string) bool {
		return slices.Contains(others, broker)
	})
}

// reads reports whether the process is a consumer of the topic in the group.
func (d *Document) reads(topic, group string) bool { return d.readers(topic, group) > 0 }

// readers is how many receivers of the process read the topic in the group: each is a member of it.
func (d *Document) readers(topic, group string) (n int) {
	for _, r := range d.TopicReaders {
		if (Topic{r.Topic}).is(topic) && r.GroupID == group {
			n++
		}
	}
	return n
}

// Renewed is how many members of the group that read the topic live: the reports of their processes were written again
// since an earlier reading of them. silent is how many of the other processes did not tell that they ended.
func Renewed(earlier, now []Document, topic, group string) (renewed, silent int) {
	was := map[string]time.Time{}
	for i := range earlier {
		was[earlier[i].name()] = earlier[i].Written
	}
	processes := map[string]bool{} // with several extensions that write reports
	for i := range now {
		switch d := &now[i]; {
		case d.Final || !d.reads(topic, group) || processes[d.Process]:
		case !d.Written.Equal(was[d.name()]):
			renewed += d.readers(topic, group)
			processes[d.Process] = d.Process != ""
		default:
			silent++
		}
	}
	return renewed, silent
}

// name tells a process from others.
func (d *Document) name() string { return cmp.Or(d.ID, d.Place) }
