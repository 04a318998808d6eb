-- finds the names of scores in the tables
WITH candidates AS (
  SELECT
    try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    s.record_id AS `record_id`,
    s.trace_id AS `trace_id`,
    s.span_id AS `span_id`,
    CASE WHEN try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["llm.request.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["ai.operationId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.provider.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.system"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_variant_get(v, '$', 'double'), CASE WHEN lower(trim(try_variant_get(v, '$', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(v, '$', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`
  FROM `spark_catalog`.`lab`.`growing_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.revision"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_request"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_response"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["contract_cost_trace_total"]', 'string') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, record_id DESC NULLS LAST) AS repeat_rank FROM candidates
),
roots AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at DESC, span_id) AS root_rank
  FROM versions
  WHERE repeat_rank = 1
),
current_scores AS (
  SELECT *, 1 AS score_rank FROM (
  SELECT r.trace_id, substr(e.score_key, 8) AS score_name, e.score, 'span' AS source,
      CASE WHEN r.revision > 0 THEN timestamp_millis(r.revision)
        ELSE timestamp_micros(GREATEST(r.started_at, r.ended_at) DIV 1000) END AS scored_at, TRUE AS valid
    FROM roots AS r
    LATERAL VIEW explode(r.scores) e AS score_key, score
    WHERE r.root_rank = 1
  ) AS a
  WHERE abs(a.score) <= 1.7976931348623157E308D
)
SELECT score_name, source, count(*) AS occurrences
FROM current_scores
WHERE score_rank = 1
GROUP BY score_name, source
ORDER BY occurrences DESC, score_name, source
LIMIT 1000
;
-- announces the change, so that it is known as ours if setup ends in between
ALTER VIEW `spark_catalog`.`lab`.`growing_genai_traces` SET TBLPROPERTIES ('otelcol_mlflow.definition_next' = '4509bbfaa56adf81af1062523b30d94d', 'otelcol_mlflow.view' = '1')
;
-- changes the query and keeps what was granted
ALTER VIEW `spark_catalog`.`lab`.`growing_genai_traces` AS
WITH candidates AS (
  SELECT
    try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    s.record_id AS `record_id`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    s.span_id AS `span_id`,
    COALESCE(s.time, timestamp_micros(s.start_time_unix_nano DIV 1000)) AS `request_time`,
    s.start_time_unix_nano DIV 1000000 AS `start_time_ms`,
    CASE WHEN s.end_time_unix_nano >= s.start_time_unix_nano THEN (s.end_time_unix_nano - s.start_time_unix_nano) DIV 1000000 END AS `execution_time_ms`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceState"]', 'string'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END) AS `status`,
    COALESCE(COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceName"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.trace.name"]', 'string'), '')), s.name) AS `trace_name`,
    trim(BOTH '"' FROM COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.request.type"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.operationId"]', 'string'), ''))) AS `span_type`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentId"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment_id`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentName"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentName"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["openinference.project.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment`,
    COALESCE(NULLIF(s.service_name, ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.name"]', 'string'), '')) AS `service_name`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.conversation.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.session"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.session.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.association.properties.session_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.session_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.session_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.thread_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.conversation_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["session.id"]', 'string'), '')) AS `session_id`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["user.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.user"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["enduser.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.user.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.association.properties.user_id"]', 'string'), '')) AS `user_id`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["deployment.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.env"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.env"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment"]', 'string'), '')) AS `environment`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.app_version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.app_version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["service.version"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.release"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.modelId"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.source.git.commit"]', 'string'), '')) AS `app_version`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.request.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.llm.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["embedding.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["reranker.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.model.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.model.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.request.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.ls_model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.response.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.response.model"]', 'string'), '')) AS `model`,
    NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.sourceScorer"]', 'string'), '') AS `scorer`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.sourceRun"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.eval.requestId"]', 'string'), '')) AS `run`,
    transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'mlflow.traceTag.')), (k, v) -> substr(k, 17)), (k, v) -> try_variant_get(v, '$', 'string')) AS `tags`,
    try_variant_get(s.attributes, '$["token_count_request"]', 'bigint') AS `token_count_request`,
    try_variant_get(s.attributes, '$["token_count_response"]', 'bigint') AS `token_count_response`,
    NULLIF(try_variant_get(s.attributes, '$["token_count_encoding"]', 'string'), '') AS `token_count_encoding`,
    try_variant_get(s.attributes, '$["token_count_approximate"]', 'boolean') AS `token_count_approximate`,
    try_variant_get(s.attributes, '$["contract_cost_trace_total"]', 'double') AS `contract_cost_trace_total`,
    try_variant_get(s.attributes, '$["contract_cost_trace_partial"]', 'boolean') AS `contract_cost_trace_partial`,
    NULLIF(try_variant_get(s.attributes, '$["contract_cost_currency"]', 'string'), '') AS `contract_cost_currency`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.tokenUsage"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.chat.tokenUsage"]', 'string'), '')) AS `usage`,
    COALESCE(COALESCE(try_variant_get(s.attributes, '$["gen_ai.usage.input_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["gen_ai.usage.prompt_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["llm.token_count.prompt"]', 'bigint'), try_variant_get(s.attributes, '$["llm.usage.prompt_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.inputTokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.promptTokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.tokens"]', 'bigint')), element_at(transform(array(from_json(try_variant_get(s.attributes, '$["langfuse.observation.usage_details"]', 'string'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + CASE WHEN (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) <= COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) AND COALESCE(try_element_at(u, 'total'), try_element_at(u, 'total_tokens')) = COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')), 0D) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D) THEN 0D ELSE (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) END, NULLIF((COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)), 0D)) AS BIGINT)), 1)) AS `usage_input`,
    COALESCE(COALESCE(try_variant_get(s.attributes, '$["gen_ai.usage.output_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["gen_ai.usage.completion_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["llm.token_count.completion"]', 'bigint'), try_variant_get(s.attributes, '$["llm.usage.completion_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.outputTokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.completionTokens"]', 'bigint')), element_at(transform(array(from_json(try_variant_get(s.attributes, '$["langfuse.observation.usage_details"]', 'string'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D), COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning'))) AS BIGINT)), 1)) AS `usage_output`,
    COALESCE(COALESCE(try_variant_get(s.attributes, '$["gen_ai.usage.total_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["llm.token_count.total"]', 'bigint'), try_variant_get(s.attributes, '$["llm.usage.total_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.totalTokens"]', 'bigint')), element_at(transform(array(from_json(try_variant_get(s.attributes, '$["langfuse.observation.usage_details"]', 'string'), 'map<string,double>')), u -> CAST(COALESCE(try_element_at(u, 'total'), try_element_at(u, 'total_tokens')) AS BIGINT)), 1)) AS `usage_total`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.cost"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.llm.cost"]', 'string'), '')) AS `costs`,
    COALESCE(try_variant_get(s.attributes, '$["llm.cost.total"]', 'double'), try_cast(get_json_object(try_variant_get(s.attributes, '$["langfuse.observation.cost_details"]', 'string'), '$.total') AS DOUBLE), aggregate(map_values(from_json(try_variant_get(s.attributes, '$["langfuse.observation.cost_details"]', 'string'), 'map<string,double>')), CAST(NULL AS DOUBLE), (sum, v) -> COALESCE(sum, 0D) + COALESCE(v, 0D))) AS `cost_total`,
    CASE WHEN try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["llm.request.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["ai.operationId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.provider.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.system"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    COALESCE(try_variant_get(s.attributes, '$["metric_quality"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_quality"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_quality"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_quality`,
    COALESCE(try_variant_get(s.attributes, '$["metric_relevance"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_relevance"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_relevance"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_relevance`,
    COALESCE(try_variant_get(s.attributes, '$["metric_safety"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_safety"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_safety"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_safety`
  FROM `spark_catalog`.`lab`.`growing_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.revision"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_request"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_response"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["contract_cost_trace_total"]', 'string') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, record_id DESC NULLS LAST) AS repeat_rank FROM candidates
),
roots AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at DESC, span_id) AS root_rank
  FROM versions
  WHERE repeat_rank = 1
)
SELECT
  r.`request_id`,
  r.`trace_id`,
  r.`span_id`,
  r.`request_time`,
  r.`start_time_ms`,
  r.`execution_time_ms`,
  r.`status`,
  r.`trace_name`,
  r.`span_type`,
  r.`experiment_id`,
  r.`experiment`,
  r.`service_name`,
  r.`session_id`,
  r.`user_id`,
  r.`environment`,
  r.`app_version`,
  r.`model`,
  CASE WHEN r.`scorer` IS NOT NULL THEN 'judge' WHEN r.`run` IS NOT NULL THEN 'evaluation' ELSE 'live' END AS `trace_kind`,
  r.`tags`,
  r.`token_count_request`,
  r.`token_count_response`,
  r.`token_count_encoding`,
  r.`token_count_approximate`,
  COALESCE(try_cast(try_cast(get_json_object(r.`usage`, '$.input_tokens') AS DOUBLE) AS BIGINT), r.`usage_input`) AS `reported_tokens_input`,
  COALESCE(try_cast(try_cast(get_json_object(r.`usage`, '$.output_tokens') AS DOUBLE) AS BIGINT), r.`usage_output`) AS `reported_tokens_output`,
  COALESCE(try_cast(try_cast(get_json_object(r.`usage`, '$.total_tokens') AS DOUBLE) AS BIGINT), r.`usage_total`, r.`usage_input` + r.`usage_output`) AS `reported_tokens_total`,
  COALESCE(try_cast(get_json_object(r.`costs`, '$.total_cost') AS DOUBLE), r.`cost_total`) AS `reported_cost`,
  r.`contract_cost_trace_total`,
  r.`contract_cost_trace_partial`,
  r.`contract_cost_currency`,
  CASE WHEN abs(r.`metric_quality`) <= 1.7976931348623157E308D THEN r.`metric_quality` END AS `metric_quality`,
  CASE WHEN abs(r.`metric_relevance`) <= 1.7976931348623157E308D THEN r.`metric_relevance` END AS `metric_relevance`,
  CASE WHEN abs(r.`metric_safety`) <= 1.7976931348623157E308D THEN r.`metric_safety` END AS `metric_safety`
FROM roots AS r
WHERE r.root_rank = 1
;
-- marks the view with its fingerprint
ALTER VIEW `spark_catalog`.`lab`.`growing_genai_traces` SET TBLPROPERTIES ('otelcol_mlflow.definition' = '4509bbfaa56adf81af1062523b30d94d', 'otelcol_mlflow.view' = '1')
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`request_id` IS 'Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`trace_id` IS 'Trace id of OpenTelemetry, 32 hexadecimal digits.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`span_id` IS 'The span that stands for the trace: its topmost GenAI span.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`request_time` IS 'When the trace began. The time of quality monitors.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`start_time_ms` IS 'When the trace began, in milliseconds since 1970. Not for monitors, which take numbers for seconds.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`execution_time_ms` IS 'How long it took, in milliseconds. NULL while it has no end.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`status` IS 'OK, ERROR, IN_PROGRESS, or UNSET where it was not set.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`trace_name` IS 'Name of the trace, or of its topmost span.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`span_type` IS 'What the topmost span is: AGENT, CHAIN, CHAT_MODEL and so on, in the words of its instrumentation.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`experiment_id` IS 'Id of the MLflow experiment.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`experiment` IS 'Name of the experiment or project, else its id.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`service_name` IS 'service.name of the resource.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`session_id` IS 'Session or conversation.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`user_id` IS 'User, as the content policy left it.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`environment` IS 'Deployment environment: of the resource, or a tag or metadata named environment or env.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`app_version` IS 'Version of the application: a tag or metadata named app_version or version, service.version, MLflow\'s logged model or git commit.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`model` IS 'Model, where the topmost span names one.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`trace_kind` IS 'live, evaluation (recorded inside a run) or judge (the work of a scorer).'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`tags` IS 'Tags that people gave the trace.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`token_count_request` IS 'Tokens of the request\'s text, counted. Not what is billed.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`token_count_response` IS 'Tokens of the response\'s text, counted. Not what is billed.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`token_count_encoding` IS 'Encoding that counted.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`token_count_approximate` IS 'True when the encoding is not known to be the model\'s.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`reported_tokens_input` IS 'Input tokens that the models of the trace reported.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`reported_tokens_output` IS 'Output tokens that the models of the trace reported.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`reported_tokens_total` IS 'Both, as reported.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`reported_cost` IS 'Cost at list prices, in USD, as MLflow or the instrumentation wrote it.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`contract_cost_trace_total` IS 'Cost at the contract\'s prices, by the genai processor.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`contract_cost_trace_partial` IS 'True when some call of the trace has no price.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`contract_cost_currency` IS 'Currency of the contract, where the topmost span is itself a priced call.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`metric_quality` IS 'Score quality.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`metric_relevance` IS 'Score relevance.'
;
-- sets the comment again [Databricks only]
COMMENT ON COLUMN `spark_catalog`.`lab`.`growing_genai_traces`.`metric_safety` IS 'Score safety.'
;
-- adds the columns of new scores
ALTER TABLE `spark_catalog`.`lab`.`growing_genai_traces_table` ADD COLUMNS (`metric_quality` DOUBLE, `metric_relevance` DOUBLE, `metric_safety` DOUBLE)
;
-- brings the table up to date; put this statement into a schedule of your own
INSERT OVERWRITE TABLE `spark_catalog`.`lab`.`growing_genai_traces_table`
SELECT `request_id`, `trace_id`, `span_id`, `request_time`, `start_time_ms`, `execution_time_ms`, `status`, `trace_name`, `span_type`, `experiment_id`, `experiment`, `service_name`, `session_id`, `user_id`, `environment`, `app_version`, `model`, `trace_kind`, `tags`, `token_count_request`, `token_count_response`, `token_count_encoding`, `token_count_approximate`, `reported_tokens_input`, `reported_tokens_output`, `reported_tokens_total`, `reported_cost`, `contract_cost_trace_total`, `contract_cost_trace_partial`, `contract_cost_currency`, `metric_quality`, `metric_relevance`, `metric_safety`
FROM `spark_catalog`.`lab`.`growing_genai_traces`
;
