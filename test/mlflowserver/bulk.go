package mlflowserver

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Bulk makes a SQLite store of n traces in dir and returns its path.
func Bulk(n int, dir string) (string, error) {
	python, err := Python(Database)
	if err != nil {
		return "", err
	}
	out, err := output(exec.Command(python, filepath.Join(Scripts(), "bulk_store.py"), strconv.Itoa(n), dir))
	if err != nil {
		return "", err
	}
	var made struct {
		Path string `json:"path"`
	}
	return made.Path, json.Unmarshal(out, &made)
}
