-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`agents_genai_scores` (
  `request_id` COMMENT 'Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.',
  `trace_id` COMMENT 'Trace id of OpenTelemetry, 32 hexadecimal digits.',
  `request_time` COMMENT 'When the trace began. The time of quality monitors.',
  `score_name` COMMENT 'Name of the score: what follows metric_ in the attribute\'s name.',
  `score` COMMENT 'The score; yes and pass are 1, no and fail are 0.',
  `source` COMMENT 'Where it was found: span, log or annotation.',
  `scored_at` COMMENT 'When the scores of the trace last changed, as far as the source knows.',
  `status` COMMENT 'OK, ERROR, IN_PROGRESS, or UNSET where it was not set.',
  `experiment_id` COMMENT 'Id of the MLflow experiment.',
  `experiment` COMMENT 'Name of the experiment or project, else its id.',
  `service_name` COMMENT 'service.name of the resource.',
  `environment` COMMENT 'Deployment environment: of the resource, or a tag or metadata named environment or env.',
  `app_version` COMMENT 'Version of the application: a tag or metadata named app_version or version, service.version, MLflow\'s logged model or git commit.',
  `model` COMMENT 'Model, where the topmost span names one.',
  `trace_kind` COMMENT 'live, evaluation (recorded inside a run) or judge (the work of a scorer).'
)
COMMENT 'One row per GenAI trace and score, whatever their names. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = 'c82b2193d793c1594ef18a1fc519b72e', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    s.record_id AS `record_id`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    COALESCE(s.time, timestamp_micros(s.start_time_unix_nano DIV 1000)) AS `request_time`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceState"]', 'string'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END) AS `status`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentId"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment_id`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentName"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentName"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["openinference.project.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment`,
    COALESCE(NULLIF(s.service_name, ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.name"]', 'string'), '')) AS `service_name`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["deployment.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.env"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.env"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment"]', 'string'), '')) AS `environment`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.app_version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.app_version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["service.version"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.release"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.modelId"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.source.git.commit"]', 'string'), '')) AS `app_version`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.request.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.llm.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["embedding.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["reranker.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.model.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.model.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.request.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.ls_model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.response.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.response.model"]', 'string'), '')) AS `model`,
    NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.sourceScorer"]', 'string'), '') AS `scorer`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.sourceRun"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.eval.requestId"]', 'string'), '')) AS `run`,
    s.span_id AS `span_id`,
    CASE WHEN try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["llm.request.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["ai.operationId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.provider.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.system"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_variant_get(v, '$', 'double'), CASE WHEN lower(trim(try_variant_get(v, '$', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(v, '$', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`
  FROM `spark_catalog`.`lab`.`agents_otel_spans` AS s
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
SELECT
  r.`request_id`,
  r.`trace_id`,
  r.`request_time`,
  c.score_name AS `score_name`,
  c.score AS `score`,
  c.source AS `source`,
  c.scored_at AS `scored_at`,
  r.`status`,
  r.`experiment_id`,
  r.`experiment`,
  r.`service_name`,
  r.`environment`,
  r.`app_version`,
  r.`model`,
  CASE WHEN r.`scorer` IS NOT NULL THEN 'judge' WHEN r.`run` IS NOT NULL THEN 'evaluation' ELSE 'live' END AS `trace_kind`
FROM current_scores AS c
JOIN roots AS r ON r.trace_id = c.trace_id
WHERE c.score_rank = 1 AND r.root_rank = 1
;
-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`agents_genai_traces` (
  `request_id` COMMENT 'Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.',
  `trace_id` COMMENT 'Trace id of OpenTelemetry, 32 hexadecimal digits.',
  `span_id` COMMENT 'The span that stands for the trace: its topmost GenAI span.',
  `request_time` COMMENT 'When the trace began. The time of quality monitors.',
  `start_time_ms` COMMENT 'When the trace began, in milliseconds since 1970. Not for monitors, which take numbers for seconds.',
  `execution_time_ms` COMMENT 'How long it took, in milliseconds. NULL while it has no end.',
  `status` COMMENT 'OK, ERROR, IN_PROGRESS, or UNSET where it was not set.',
  `trace_name` COMMENT 'Name of the trace, or of its topmost span.',
  `span_type` COMMENT 'What the topmost span is: AGENT, CHAIN, CHAT_MODEL and so on, in the words of its instrumentation.',
  `experiment_id` COMMENT 'Id of the MLflow experiment.',
  `experiment` COMMENT 'Name of the experiment or project, else its id.',
  `service_name` COMMENT 'service.name of the resource.',
  `session_id` COMMENT 'Session or conversation.',
  `user_id` COMMENT 'User, as the content policy left it.',
  `environment` COMMENT 'Deployment environment: of the resource, or a tag or metadata named environment or env.',
  `app_version` COMMENT 'Version of the application: a tag or metadata named app_version or version, service.version, MLflow\'s logged model or git commit.',
  `model` COMMENT 'Model, where the topmost span names one.',
  `trace_kind` COMMENT 'live, evaluation (recorded inside a run) or judge (the work of a scorer).',
  `tags` COMMENT 'Tags that people gave the trace.',
  `token_count_request` COMMENT 'Tokens of the request\'s text, counted. Not what is billed.',
  `token_count_response` COMMENT 'Tokens of the response\'s text, counted. Not what is billed.',
  `token_count_encoding` COMMENT 'Encoding that counted.',
  `token_count_approximate` COMMENT 'True when the encoding is not known to be the model\'s.',
  `reported_tokens_input` COMMENT 'Input tokens that the models of the trace reported.',
  `reported_tokens_output` COMMENT 'Output tokens that the models of the trace reported.',
  `reported_tokens_total` COMMENT 'Both, as reported.',
  `reported_cost` COMMENT 'Cost at list prices, in USD, as MLflow or the instrumentation wrote it.',
  `contract_cost_trace_total` COMMENT 'Cost at the contract\'s prices, by the genai processor.',
  `contract_cost_trace_partial` COMMENT 'True when some call of the trace has no price.',
  `contract_cost_currency` COMMENT 'Currency of the contract, where the topmost span is itself a priced call.',
  `metric_relevance` COMMENT 'Score Relevance.',
  `metric_answer_length` COMMENT 'Score answer_length.',
  `metric_groundedness` COMMENT 'Score groundedness.',
  `metric_it_s_odd` COMMENT 'Score it\'s "odd"?.',
  `metric_relevance_99045570` COMMENT 'Score relevance.'
)
COMMENT 'One row per GenAI trace. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = '159cfe1d354ab6fc5323e4cdf940ada3', 'otelcol_mlflow.scores' = '{"metric_it_s_odd":"it\'s \\"odd\\"?","metric_relevance":"Relevance","metric_relevance_99045570":"relevance"}', 'otelcol_mlflow.view' = '1')
AS
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
    COALESCE(try_variant_get(s.attributes, '$["metric_Relevance"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_Relevance"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_Relevance"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_relevance`,
    COALESCE(try_variant_get(s.attributes, '$["metric_answer_length"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_answer_length"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_answer_length"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_answer_length`,
    COALESCE(try_variant_get(s.attributes, '$["metric_groundedness"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_groundedness"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_groundedness"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_groundedness`,
    COALESCE(try_variant_get(try_element_at(try_variant_get(s.attributes, '$', 'map<string,variant>'), 'metric_it\'s "odd"?'), '$', 'double'), CASE WHEN lower(trim(try_variant_get(try_element_at(try_variant_get(s.attributes, '$', 'map<string,variant>'), 'metric_it\'s "odd"?'), '$', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(try_element_at(try_variant_get(s.attributes, '$', 'map<string,variant>'), 'metric_it\'s "odd"?'), '$', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_it_s_odd`,
    COALESCE(try_variant_get(s.attributes, '$["metric_relevance"]', 'double'), CASE WHEN lower(trim(try_variant_get(s.attributes, '$["metric_relevance"]', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(s.attributes, '$["metric_relevance"]', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS `metric_relevance_99045570`
  FROM `spark_catalog`.`lab`.`agents_otel_spans` AS s
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
  CASE WHEN abs(r.`metric_relevance`) <= 1.7976931348623157E308D THEN r.`metric_relevance` END AS `metric_relevance`,
  CASE WHEN abs(r.`metric_answer_length`) <= 1.7976931348623157E308D THEN r.`metric_answer_length` END AS `metric_answer_length`,
  CASE WHEN abs(r.`metric_groundedness`) <= 1.7976931348623157E308D THEN r.`metric_groundedness` END AS `metric_groundedness`,
  CASE WHEN abs(r.`metric_it_s_odd`) <= 1.7976931348623157E308D THEN r.`metric_it_s_odd` END AS `metric_it_s_odd`,
  CASE WHEN abs(r.`metric_relevance_99045570`) <= 1.7976931348623157E308D THEN r.`metric_relevance_99045570` END AS `metric_relevance_99045570`
FROM roots AS r
WHERE r.root_rank = 1
;
-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`agents_genai_spans` (
  `trace_id` COMMENT 'Trace id of OpenTelemetry, 32 hexadecimal digits.',
  `span_id` COMMENT 'Span id of OpenTelemetry, 16 hexadecimal digits.',
  `parent_span_id` COMMENT 'The span above. NULL for a topmost span.',
  `start_time` COMMENT 'When the span began.',
  `duration_ms` COMMENT 'How long it took, in milliseconds. NULL while it has no end.',
  `span_type` COMMENT 'What the span is: AGENT, TOOL, CHAT_MODEL and so on, in the words of its instrumentation.',
  `span_name` COMMENT 'Name of the span.',
  `model` COMMENT 'Model of the call.',
  `provider` COMMENT 'Provider of the model.',
  `tool` COMMENT 'Name of the tool that was called.',
  `agent` COMMENT 'Name of the agent.',
  `status` COMMENT 'OK, ERROR, or UNSET where it was not set.',
  `error_type` COMMENT 'Type of the error: error.type, or that of the last exception of a span that failed.',
  `reported_tokens_input` COMMENT 'Input tokens that the model reported.',
  `reported_tokens_output` COMMENT 'Output tokens that the model reported.',
  `reported_cost` COMMENT 'Cost at list prices, in USD, as MLflow or the instrumentation wrote it.',
  `contract_cost` COMMENT 'Cost of the call at the contract\'s prices, by the genai processor.',
  `contract_cost_currency` COMMENT 'Currency of the contract.',
  `experiment_id` COMMENT 'Id of the MLflow experiment.',
  `service_name` COMMENT 'service.name of the resource.',
  `environment` COMMENT 'Deployment environment.'
)
COMMENT 'One row per span of GenAI traces and of what they call. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = 'd3841af2cf8c0dbeaeca5d83f4fc144f', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    s.record_id AS `record_id`,
    s.trace_id AS `trace_id`,
    s.span_id AS `span_id`,
    CASE WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') THEN s.parent_span_id END AS `parent_span_id`,
    COALESCE(s.time, timestamp_micros(s.start_time_unix_nano DIV 1000)) AS `start_time`,
    CASE WHEN s.end_time_unix_nano >= s.start_time_unix_nano THEN (s.end_time_unix_nano - s.start_time_unix_nano) / 1000000D END AS `duration_ms`,
    trim(BOTH '"' FROM COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.request.type"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.operationId"]', 'string'), ''))) AS `span_type`,
    s.name AS `span_name`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.request.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.llm.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["embedding.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["reranker.model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.model.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.model.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.request.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.ls_model_name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.response.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.model"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.response.model"]', 'string'), '')) AS `model`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.provider.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.system"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.llm.provider"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.provider"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.system"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.model.provider"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.vendor"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.ls_provider"]', 'string'), '')) AS `provider`,
    CASE WHEN lower(trim(BOTH '"' FROM COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["llm.request.type"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.operationId"]', 'string'), '')))) IN ('ai.toolcall', 'execute_tool', 'tool') THEN COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.tool.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["tool.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.toolCall.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.entity.name"]', 'string'), ''), s.name) ELSE NULLIF(try_variant_get(s.attributes, '$["gen_ai.tool.name"]', 'string'), '') END AS `tool`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.agent.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["agent.name"]', 'string'), '')) AS `agent`,
    CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END AS `status`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["error.type"]', 'string'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN try_variant_get(try_element_at(filter(s.events, e -> e.name = 'exception'), -1).attributes, '$["exception.type"]', 'string') END) AS `error_type`,
    try_variant_get(s.attributes, '$["contract_cost_total"]', 'double') AS `contract_cost`,
    NULLIF(try_variant_get(s.attributes, '$["contract_cost_currency"]', 'string'), '') AS `contract_cost_currency`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentId"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment_id`,
    COALESCE(NULLIF(s.service_name, ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.name"]', 'string'), '')) AS `service_name`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["deployment.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.environment"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment"]', 'string'), '')) AS `environment`,
    NULLIF(try_variant_get(s.attributes, '$["mlflow.chat.tokenUsage"]', 'string'), '') AS `usage`,
    COALESCE(COALESCE(try_variant_get(s.attributes, '$["gen_ai.usage.input_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["gen_ai.usage.prompt_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["llm.token_count.prompt"]', 'bigint'), try_variant_get(s.attributes, '$["llm.usage.prompt_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.inputTokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.promptTokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.tokens"]', 'bigint')), element_at(transform(array(from_json(try_variant_get(s.attributes, '$["langfuse.observation.usage_details"]', 'string'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + CASE WHEN (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) <= COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) AND COALESCE(try_element_at(u, 'total'), try_element_at(u, 'total_tokens')) = COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')), 0D) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D) THEN 0D ELSE (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) END, NULLIF((COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)), 0D)) AS BIGINT)), 1)) AS `usage_input`,
    COALESCE(COALESCE(try_variant_get(s.attributes, '$["gen_ai.usage.output_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["gen_ai.usage.completion_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["llm.token_count.completion"]', 'bigint'), try_variant_get(s.attributes, '$["llm.usage.completion_tokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.outputTokens"]', 'bigint'), try_variant_get(s.attributes, '$["ai.usage.completionTokens"]', 'bigint')), element_at(transform(array(from_json(try_variant_get(s.attributes, '$["langfuse.observation.usage_details"]', 'string'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D), COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning'))) AS BIGINT)), 1)) AS `usage_output`,
    NULLIF(try_variant_get(s.attributes, '$["mlflow.llm.cost"]', 'string'), '') AS `costs`,
    COALESCE(try_variant_get(s.attributes, '$["llm.cost.total"]', 'double'), try_cast(get_json_object(try_variant_get(s.attributes, '$["langfuse.observation.cost_details"]', 'string'), '$.total') AS DOUBLE), aggregate(map_values(from_json(try_variant_get(s.attributes, '$["langfuse.observation.cost_details"]', 'string'), 'map<string,double>')), CAST(NULL AS DOUBLE), (sum, v) -> COALESCE(sum, 0D) + COALESCE(v, 0D))) AS `cost_total`
  FROM `spark_catalog`.`lab`.`agents_otel_spans` AS s
  WHERE s.trace_id <> ''
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, record_id DESC NULLS LAST) AS repeat_rank FROM candidates
)
SELECT
  r.`trace_id`,
  r.`span_id`,
  r.`parent_span_id`,
  r.`start_time`,
  r.`duration_ms`,
  r.`span_type`,
  r.`span_name`,
  r.`model`,
  r.`provider`,
  r.`tool`,
  r.`agent`,
  r.`status`,
  r.`error_type`,
  COALESCE(try_cast(try_cast(get_json_object(r.`usage`, '$.input_tokens') AS DOUBLE) AS BIGINT), r.`usage_input`) AS `reported_tokens_input`,
  COALESCE(try_cast(try_cast(get_json_object(r.`usage`, '$.output_tokens') AS DOUBLE) AS BIGINT), r.`usage_output`) AS `reported_tokens_output`,
  COALESCE(try_cast(get_json_object(r.`costs`, '$.total_cost') AS DOUBLE), r.`cost_total`) AS `reported_cost`,
  r.`contract_cost`,
  r.`contract_cost_currency`,
  r.`experiment_id`,
  r.`service_name`,
  r.`environment`
FROM versions AS r
WHERE r.repeat_rank = 1
;
-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`agents_genai_content` (
  `request_id` COMMENT 'Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.',
  `trace_id` COMMENT 'Trace id of OpenTelemetry, 32 hexadecimal digits.',
  `request_time` COMMENT 'When the trace began. The time of quality monitors.',
  `experiment_id` COMMENT 'Id of the MLflow experiment.',
  `service_name` COMMENT 'service.name of the resource.',
  `request` COMMENT 'What was asked: content.',
  `response` COMMENT 'What was answered: content.'
)
COMMENT 'What was asked and answered, one row per GenAI trace: content, to be granted apart from the other views. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = '1189910c23103e77c0911652286ef914', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    s.record_id AS `record_id`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    COALESCE(s.time, timestamp_micros(s.start_time_unix_nano DIV 1000)) AS `request_time`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentId"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment_id`,
    COALESCE(NULLIF(s.service_name, ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.name"]', 'string'), '')) AS `service_name`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanInputs"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.input.messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.tool.call.arguments"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.retrieval.query.text"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.tool_call_args"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.toolCall.args"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["input.value"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.entity.input"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.input"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.prompt"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.prompt.messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.prompt"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.value"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["pydantic_ai.all_messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.llm_request"]', 'string'), ''), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.input_messages.')), (k, v) -> substr(k, 20)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'gen_ai.prompt.')), (k, v) -> substr(k, 15)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.prompts.')), (k, v) -> substr(k, 13)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(try_variant_get(s.attributes, '$["mlflow.requestPreview"]', 'string'), '')) AS `request`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanOutputs"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.output.messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.tool.call.result"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.tool_response"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.toolCall.result"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["output.value"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.entity.output"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.output"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.completion"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.text"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.object"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.toolCalls"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.llm_response"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.retrieval.documents"]', 'string'), ''), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.output_messages.')), (k, v) -> substr(k, 21)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'gen_ai.completion.')), (k, v) -> substr(k, 19)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.completions.')), (k, v) -> substr(k, 17)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(try_variant_get(s.attributes, '$["mlflow.responsePreview"]', 'string'), '')) AS `response`,
    s.span_id AS `span_id`,
    CASE WHEN try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["llm.request.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["ai.operationId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.provider.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.system"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`
  FROM `spark_catalog`.`lab`.`agents_otel_spans` AS s
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
  r.`request_time`,
  r.`experiment_id`,
  r.`service_name`,
  r.`request`,
  r.`response`
FROM roots AS r
WHERE r.root_rank = 1
;
-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`agents_genai_eval` (
  `inputs` COMMENT 'What was asked, a JSON object. What was no object is in its member request: content.',
  `outputs` COMMENT 'What was answered: content.',
  `expectations` COMMENT 'Expectations by name, a JSON object: content.',
  `request_id` COMMENT 'Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.',
  `trace_id` COMMENT 'Trace id of OpenTelemetry, 32 hexadecimal digits.',
  `request_time` COMMENT 'When the trace began. The time of quality monitors.',
  `status` COMMENT 'OK, ERROR, IN_PROGRESS, or UNSET where it was not set.',
  `experiment_id` COMMENT 'Id of the MLflow experiment.',
  `experiment` COMMENT 'Name of the experiment or project, else its id.',
  `service_name` COMMENT 'service.name of the resource.',
  `session_id` COMMENT 'Session or conversation.',
  `environment` COMMENT 'Deployment environment: of the resource, or a tag or metadata named environment or env.',
  `app_version` COMMENT 'Version of the application: a tag or metadata named app_version or version, service.version, MLflow\'s logged model or git commit.',
  `trace_kind` COMMENT 'live, evaluation (recorded inside a run) or judge (the work of a scorer).',
  `tags` COMMENT 'Tags that people gave the trace.',
  `scores` COMMENT 'Scores by name.'
)
COMMENT 'Data sets for mlflow.genai.evaluate, one row per GenAI trace, to be filtered by tags and scores: content, to be granted apart from the other views. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = '01d709e7880ef8b1b19bee0d3cd92bcb', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    s.record_id AS `record_id`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    COALESCE(s.time, timestamp_micros(s.start_time_unix_nano DIV 1000)) AS `request_time`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceState"]', 'string'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END) AS `status`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentId"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment_id`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.experimentName"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentName"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["openinference.project.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["mlflow.experimentId"]', 'string'), '')) AS `experiment`,
    COALESCE(NULLIF(s.service_name, ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.name"]', 'string'), '')) AS `service_name`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["gen_ai.conversation.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.session"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.session.id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.association.properties.session_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.session_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.session_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.thread_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langsmith.metadata.conversation_id"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["session.id"]', 'string'), '')) AS `session_id`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["deployment.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.environment"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.env"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.env"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment.name"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["deployment.environment"]', 'string'), '')) AS `environment`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.app_version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.app_version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceTag.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.traceMetadata.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["service.version"]', 'string'), ''), NULLIF(try_variant_get(s.resource.attributes, '$["service.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.release"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.version"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.modelId"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.source.git.commit"]', 'string'), '')) AS `app_version`,
    NULLIF(try_variant_get(s.attributes, '$["mlflow.trace.sourceScorer"]', 'string'), '') AS `scorer`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.sourceRun"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["mlflow.eval.requestId"]', 'string'), '')) AS `run`,
    transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'mlflow.traceTag.')), (k, v) -> substr(k, 17)), (k, v) -> try_variant_get(v, '$', 'string')) AS `tags`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanInputs"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.input.messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.tool.call.arguments"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.retrieval.query.text"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.tool_call_args"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.toolCall.args"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["input.value"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.entity.input"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.input"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.prompt"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.prompt.messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.prompt"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.value"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["pydantic_ai.all_messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.llm_request"]', 'string'), ''), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.input_messages.')), (k, v) -> substr(k, 20)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'gen_ai.prompt.')), (k, v) -> substr(k, 15)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.prompts.')), (k, v) -> substr(k, 13)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(try_variant_get(s.attributes, '$["mlflow.requestPreview"]', 'string'), '')) AS `request`,
    COALESCE(NULLIF(try_variant_get(s.attributes, '$["mlflow.spanOutputs"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.output.messages"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.tool.call.result"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.tool_response"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.toolCall.result"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["output.value"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["traceloop.entity.output"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["langfuse.observation.output"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.completion"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.text"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.object"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["ai.response.toolCalls"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gcp.vertex.agent.llm_response"]', 'string'), ''), NULLIF(try_variant_get(s.attributes, '$["gen_ai.retrieval.documents"]', 'string'), ''), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.output_messages.')), (k, v) -> substr(k, 21)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'gen_ai.completion.')), (k, v) -> substr(k, 19)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(to_json(transform_values(transform_keys(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'llm.completions.')), (k, v) -> substr(k, 17)), (k, v) -> try_variant_get(v, '$', 'string'))), '{}'), NULLIF(try_variant_get(s.attributes, '$["mlflow.responsePreview"]', 'string'), '')) AS `response`,
    s.span_id AS `span_id`,
    CASE WHEN try_variant_get(s.attributes, '$["mlflow.revision"]', 'bigint') IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.spanType"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langsmith.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.operation.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["openinference.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["llm.request.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["traceloop.span.kind"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["langfuse.observation.type"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["ai.operationId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.provider.name"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["gen_ai.system"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["mlflow.traceRequestId"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(try_variant_get(s.attributes, '$', 'map<string,variant>'), (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_variant_get(v, '$', 'double'), CASE WHEN lower(trim(try_variant_get(v, '$', 'string'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_variant_get(v, '$', 'string'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`,
    try_variant_get(s.attributes, '$["mlflow.assessments"]', 'string') AS `assessments`
  FROM `spark_catalog`.`lab`.`agents_otel_spans` AS s
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
),
pivoted AS (
  SELECT trace_id, map_from_entries(collect_list(struct(score_name, score))) AS scores
  FROM current_scores
  WHERE score_rank = 1
  GROUP BY trace_id
),
expectations AS (
  SELECT e.trace_id, try_variant_get(e.said, '$.assessment_name', 'string') AS name,
    COALESCE(try_variant_get(e.said, '$.expectation.serialized_value.value', 'string'), to_json(try_variant_get(e.said, '$.expectation.value', 'variant'))) AS value,
    try_cast(COALESCE(try_variant_get(e.said, '$.last_update_time', 'string'), try_variant_get(e.said, '$.create_time', 'string')) AS TIMESTAMP) AS said_at, 0 AS place
  FROM (
    SELECT r.trace_id, r.span_id, r.revision, e.said
    FROM roots AS r
    LATERAL VIEW explode(try_variant_get(try_parse_json(r.assessments), '$', 'array<variant>')) e AS said
    WHERE r.root_rank = 1
  ) AS e
  WHERE try_variant_get(e.said, '$.expectation', 'variant') IS NOT NULL AND COALESCE(try_variant_get(e.said, '$.span_id', 'string'), '') IN ('', e.span_id) AND COALESCE(try_variant_get(e.said, '$.valid', 'boolean'), TRUE)
),
expected AS (
  SELECT trace_id,
    concat('{', array_join(array_sort(collect_list(concat(substr(to_json(array(name)), 2, length(to_json(array(name))) - 2), ':', value))), ','), '}')
      AS expectations
  FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, name
      ORDER BY said_at DESC NULLS LAST, place DESC, value) AS name_rank
    FROM expectations
    WHERE name <> ''
  ) AS e
  WHERE name_rank = 1 AND value IS NOT NULL
  GROUP BY trace_id
)
SELECT
  CASE WHEN json_object_keys(r.`request`) IS NOT NULL THEN r.`request` WHEN json_array_length(r.`request`) IS NOT NULL THEN concat('{"request":', r.`request`, '}') ELSE to_json(map('request', r.`request`)) END AS `inputs`,
  r.`response` AS `outputs`,
  COALESCE(x.expectations, '{}') AS `expectations`,
  r.`request_id`,
  r.`trace_id`,
  r.`request_time`,
  r.`status`,
  r.`experiment_id`,
  r.`experiment`,
  r.`service_name`,
  r.`session_id`,
  r.`environment`,
  r.`app_version`,
  CASE WHEN r.`scorer` IS NOT NULL THEN 'judge' WHEN r.`run` IS NOT NULL THEN 'evaluation' ELSE 'live' END AS `trace_kind`,
  r.`tags`,
  COALESCE(p.scores, CAST(map() AS MAP<STRING, DOUBLE>)) AS `scores`
FROM roots AS r
LEFT JOIN pivoted AS p ON p.trace_id = r.trace_id
LEFT JOIN expected AS x ON x.trace_id = r.trace_id
WHERE r.root_rank = 1 AND r.`request` IS NOT NULL
;
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
  FROM `spark_catalog`.`lab`.`agents_otel_spans` AS s
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
-- counts the spans
SELECT count(*) AS spans FROM `spark_catalog`.`lab`.`agents_otel_spans`
;
-- keeps the topmost spans in a table of their own, so that views need not read all spans [Databricks only]
CREATE OR REFRESH STREAMING TABLE `spark_catalog`.`lab`.`agents_genai_topmost_spans`
COMMENT 'The spans that stand for traces, content included. The views of databricks_setup read it.'
AS SELECT *
FROM STREAM(`spark_catalog`.`lab`.`agents_otel_spans`) AS s
WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_variant_get(s.attributes, '$["mlflow.revision"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_request"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_response"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["token_count_encoding"]', 'string') IS NOT NULL OR try_variant_get(s.attributes, '$["contract_cost_trace_total"]', 'string') IS NOT NULL)
;
