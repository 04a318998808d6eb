-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`everywhere_v1_genai_scores` (
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
TBLPROPERTIES ('otelcol_mlflow.definition' = '30a9b918ea8639c8e36cfb70dae09d72', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    cardinality(s.attributes) AS `width`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_element_at(s.attributes, 'mlflow.traceRequestId')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    timestamp_micros(s.start_time_unix_nano DIV 1000) AS `request_time`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceState'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END) AS `status`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentId'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment_id`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentName'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentName'), ''), NULLIF(try_element_at(s.resource.attributes, 'openinference.project.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment`,
    NULLIF(try_element_at(s.resource.attributes, 'service.name'), '') AS `service_name`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.attributes, 'deployment.environment'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.env'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.env'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment'), '')) AS `environment`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.app_version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.app_version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.version'), ''), NULLIF(try_element_at(s.attributes, 'service.version'), ''), NULLIF(try_element_at(s.resource.attributes, 'service.version'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.release'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.modelId'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.source.git.commit'), '')) AS `app_version`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.request.model'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.llm.model'), ''), NULLIF(try_element_at(s.attributes, 'llm.model_name'), ''), NULLIF(try_element_at(s.attributes, 'embedding.model_name'), ''), NULLIF(try_element_at(s.attributes, 'reranker.model_name'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.model.name'), ''), NULLIF(try_element_at(s.attributes, 'ai.model.id'), ''), NULLIF(try_element_at(s.attributes, 'llm.request.model'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.ls_model_name'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.response.model'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.model'), ''), NULLIF(try_element_at(s.attributes, 'llm.response.model'), '')) AS `model`,
    NULLIF(try_element_at(s.attributes, 'mlflow.trace.sourceScorer'), '') AS `scorer`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.sourceRun'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.eval.requestId'), '')) AS `run`,
    s.span_id AS `span_id`,
    CASE WHEN try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.spanType') IS NOT NULL OR try_element_at(s.attributes, 'langsmith.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.operation.name') IS NOT NULL OR try_element_at(s.attributes, 'openinference.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'llm.request.type') IS NOT NULL OR try_element_at(s.attributes, 'traceloop.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'langfuse.observation.type') IS NOT NULL OR try_element_at(s.attributes, 'ai.operationId') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.provider.name') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.system') IS NOT NULL OR try_element_at(s.attributes, 'mlflow.traceRequestId') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(s.attributes, (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_cast(v AS DOUBLE), CASE WHEN lower(trim(v)) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(v)) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`
  FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.revision') IS NOT NULL OR try_element_at(s.attributes, 'token_count_request') IS NOT NULL OR try_element_at(s.attributes, 'token_count_response') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL OR try_element_at(s.attributes, 'contract_cost_trace_total') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, ended_at DESC, width DESC) AS repeat_rank FROM candidates
),
roots AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at DESC, span_id) AS root_rank
  FROM versions
  WHERE repeat_rank = 1
),
all_scores AS (
  SELECT r.trace_id, substr(e.score_key, 8) AS score_name, e.score, 'span' AS source,
    CASE WHEN r.revision > 0 THEN timestamp_millis(r.revision)
      ELSE timestamp_micros(GREATEST(r.started_at, r.ended_at) DIV 1000) END AS scored_at, TRUE AS valid
  FROM roots AS r
  LATERAL VIEW explode(r.scores) e AS score_key, score
  WHERE r.root_rank = 1
  UNION ALL
  SELECT l.trace_id, l.score_name, l.score, 'log' AS source, l.scored_at, l.live AND NOT l.overridden AS valid
  FROM (
    SELECT l.*, COALESCE(array_contains(collect_set(CASE WHEN l.live THEN l.overrides END)
      OVER (PARTITION BY l.trace_id), l.assessment_id), FALSE) AS overridden
    FROM (
      SELECT l.trace_id, l.span_id, l.score_name, l.score, l.assessment_id, l.overrides,
        l.valid AND u.trace_id IS NULL AS live,
        timestamp_micros(COALESCE(u.observed, CASE WHEN l.valid THEN l.time_unix_nano
          ELSE GREATEST(l.time_unix_nano, l.observed) END) DIV 1000) AS scored_at
      FROM (
        SELECT l.trace_id, COALESCE(l.span_id, '') AS span_id, CASE WHEN length(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_'))) > 64 THEN concat(substr(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 1, 55), '_', substr(sha2(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 256), 1, 8)) ELSE trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')) END AS score_name,
          COALESCE(try_cast(try_element_at(l.attributes, 'gen_ai.evaluation.score.value') AS DOUBLE), CASE WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS score, l.time_unix_nano, l.observed_time_unix_nano AS observed,
          COALESCE(try_cast(try_element_at(l.attributes, 'mlflow.assessment.valid') AS BOOLEAN), TRUE) AS valid,
          try_element_at(l.attributes, 'mlflow.assessment.id') AS assessment_id,
          try_element_at(l.attributes, 'mlflow.assessment.overrides') AS overrides,
          ROW_NUMBER() OVER (PARTITION BY l.trace_id, COALESCE(l.span_id, ''),
            COALESCE(try_element_at(l.attributes, 'mlflow.assessment.id'), try_element_at(l.attributes, 'gen_ai.evaluation.name'))
            ORDER BY l.time_unix_nano DESC, l.observed_time_unix_nano DESC) AS repeat_rank
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'gen_ai.evaluation.result' AND try_element_at(l.attributes, 'gen_ai.evaluation.name') IS NOT NULL
          AND COALESCE(try_element_at(l.attributes, 'mlflow.assessment.kind'), 'feedback') = 'feedback'
      ) AS l
      LEFT JOIN (
        SELECT l.trace_id, max(l.observed_time_unix_nano) AS observed,
          max_by(from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>'), l.observed_time_unix_nano) AS present
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'mlflow.trace.updated' AND from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>') IS NOT NULL
        GROUP BY l.trace_id
      ) AS u ON u.trace_id = l.trace_id
        AND u.observed >= l.observed AND NOT array_contains(u.present, l.assessment_id)
      WHERE l.repeat_rank = 1
    ) AS l
  ) AS l
  JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
    AND (l.span_id IN ('', '0000000000000000') OR l.span_id = r.span_id)
),
weighed AS (
  SELECT trace_id, score_name, score, source, scored_at, valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE) AS counts,
    MAX(CASE WHEN NOT (valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE)) THEN scored_at END)
      OVER (PARTITION BY trace_id, score_name) AS withdrawn_at
  FROM all_scores
  WHERE score_name <> ''
),
current_scores AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, score_name
    ORDER BY scored_at DESC NULLS LAST,
      CASE source WHEN 'span' THEN 0 WHEN 'annotation' THEN 1 ELSE 2 END, score DESC) AS score_rank
  FROM weighed
  WHERE counts AND (source <> 'span' OR withdrawn_at IS NULL OR scored_at >= withdrawn_at)
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
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`everywhere_v1_genai_traces` (
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
  `metric_relevance_99045570` COMMENT 'Score relevance.',
  `metric_tone` COMMENT 'Score tone.'
)
COMMENT 'One row per GenAI trace. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = '76e61b365fd809404cdddf53da434fed', 'otelcol_mlflow.scores' = '{"metric_relevance":"Relevance","metric_relevance_99045570":"relevance"}', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    cardinality(s.attributes) AS `width`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_element_at(s.attributes, 'mlflow.traceRequestId')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    s.span_id AS `span_id`,
    timestamp_micros(s.start_time_unix_nano DIV 1000) AS `request_time`,
    s.start_time_unix_nano DIV 1000000 AS `start_time_ms`,
    CASE WHEN s.end_time_unix_nano >= s.start_time_unix_nano THEN (s.end_time_unix_nano - s.start_time_unix_nano) DIV 1000000 END AS `execution_time_ms`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceState'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END) AS `status`,
    COALESCE(COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceName'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.trace.name'), '')), s.name) AS `trace_name`,
    trim(BOTH '"' FROM COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanType'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.operation.name'), ''), NULLIF(try_element_at(s.attributes, 'openinference.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'llm.request.type'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.type'), ''), NULLIF(try_element_at(s.attributes, 'ai.operationId'), ''))) AS `span_type`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentId'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment_id`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentName'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentName'), ''), NULLIF(try_element_at(s.resource.attributes, 'openinference.project.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment`,
    NULLIF(try_element_at(s.resource.attributes, 'service.name'), '') AS `service_name`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.conversation.id'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.trace.session'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.session.id'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.association.properties.session_id'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.session_id'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.session_id'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.thread_id'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.conversation_id'), ''), NULLIF(try_element_at(s.attributes, 'session.id'), '')) AS `session_id`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'user.id'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.trace.user'), ''), NULLIF(try_element_at(s.attributes, 'enduser.id'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.user.id'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.association.properties.user_id'), '')) AS `user_id`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.attributes, 'deployment.environment'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.env'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.env'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment'), '')) AS `environment`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.app_version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.app_version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.version'), ''), NULLIF(try_element_at(s.attributes, 'service.version'), ''), NULLIF(try_element_at(s.resource.attributes, 'service.version'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.release'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.modelId'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.source.git.commit'), '')) AS `app_version`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.request.model'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.llm.model'), ''), NULLIF(try_element_at(s.attributes, 'llm.model_name'), ''), NULLIF(try_element_at(s.attributes, 'embedding.model_name'), ''), NULLIF(try_element_at(s.attributes, 'reranker.model_name'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.model.name'), ''), NULLIF(try_element_at(s.attributes, 'ai.model.id'), ''), NULLIF(try_element_at(s.attributes, 'llm.request.model'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.ls_model_name'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.response.model'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.model'), ''), NULLIF(try_element_at(s.attributes, 'llm.response.model'), '')) AS `model`,
    NULLIF(try_element_at(s.attributes, 'mlflow.trace.sourceScorer'), '') AS `scorer`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.sourceRun'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.eval.requestId'), '')) AS `run`,
    transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'mlflow.traceTag.')), (k, v) -> substr(k, 17)) AS `tags`,
    try_cast(try_cast(try_element_at(s.attributes, 'token_count_request') AS DOUBLE) AS BIGINT) AS `token_count_request`,
    try_cast(try_cast(try_element_at(s.attributes, 'token_count_response') AS DOUBLE) AS BIGINT) AS `token_count_response`,
    NULLIF(try_element_at(s.attributes, 'token_count_encoding'), '') AS `token_count_encoding`,
    try_cast(try_element_at(s.attributes, 'token_count_approximate') AS BOOLEAN) AS `token_count_approximate`,
    try_cast(try_element_at(s.attributes, 'contract_cost_trace_total') AS DOUBLE) AS `contract_cost_trace_total`,
    try_cast(try_element_at(s.attributes, 'contract_cost_trace_partial') AS BOOLEAN) AS `contract_cost_trace_partial`,
    NULLIF(try_element_at(s.attributes, 'contract_cost_currency'), '') AS `contract_cost_currency`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.trace.tokenUsage'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.chat.tokenUsage'), '')) AS `usage`,
    COALESCE(COALESCE(try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.input_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.prompt_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.token_count.prompt') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.usage.prompt_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.inputTokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.promptTokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.tokens') AS DOUBLE) AS BIGINT)), element_at(transform(array(from_json(try_element_at(s.attributes, 'langfuse.observation.usage_details'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + CASE WHEN (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) <= COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) AND COALESCE(try_element_at(u, 'total'), try_element_at(u, 'total_tokens')) = COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')), 0D) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D) THEN 0D ELSE (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) END, NULLIF((COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)), 0D)) AS BIGINT)), 1)) AS `usage_input`,
    COALESCE(COALESCE(try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.output_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.completion_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.token_count.completion') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.usage.completion_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.outputTokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.completionTokens') AS DOUBLE) AS BIGINT)), element_at(transform(array(from_json(try_element_at(s.attributes, 'langfuse.observation.usage_details'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D), COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning'))) AS BIGINT)), 1)) AS `usage_output`,
    COALESCE(COALESCE(try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.total_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.token_count.total') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.usage.total_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.totalTokens') AS DOUBLE) AS BIGINT)), element_at(transform(array(from_json(try_element_at(s.attributes, 'langfuse.observation.usage_details'), 'map<string,double>')), u -> CAST(COALESCE(try_element_at(u, 'total'), try_element_at(u, 'total_tokens')) AS BIGINT)), 1)) AS `usage_total`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.trace.cost'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.llm.cost'), '')) AS `costs`,
    COALESCE(try_cast(try_element_at(s.attributes, 'llm.cost.total') AS DOUBLE), try_cast(get_json_object(try_element_at(s.attributes, 'langfuse.observation.cost_details'), '$.total') AS DOUBLE), aggregate(map_values(from_json(try_element_at(s.attributes, 'langfuse.observation.cost_details'), 'map<string,double>')), CAST(NULL AS DOUBLE), (sum, v) -> COALESCE(sum, 0D) + COALESCE(v, 0D))) AS `cost_total`,
    CASE WHEN try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.spanType') IS NOT NULL OR try_element_at(s.attributes, 'langsmith.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.operation.name') IS NOT NULL OR try_element_at(s.attributes, 'openinference.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'llm.request.type') IS NOT NULL OR try_element_at(s.attributes, 'traceloop.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'langfuse.observation.type') IS NOT NULL OR try_element_at(s.attributes, 'ai.operationId') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.provider.name') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.system') IS NOT NULL OR try_element_at(s.attributes, 'mlflow.traceRequestId') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(s.attributes, (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_cast(v AS DOUBLE), CASE WHEN lower(trim(v)) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(v)) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`
  FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.revision') IS NOT NULL OR try_element_at(s.attributes, 'token_count_request') IS NOT NULL OR try_element_at(s.attributes, 'token_count_response') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL OR try_element_at(s.attributes, 'contract_cost_trace_total') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, ended_at DESC, width DESC) AS repeat_rank FROM candidates
),
roots AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at DESC, span_id) AS root_rank
  FROM versions
  WHERE repeat_rank = 1
),
all_scores AS (
  SELECT r.trace_id, substr(e.score_key, 8) AS score_name, e.score, 'span' AS source,
    CASE WHEN r.revision > 0 THEN timestamp_millis(r.revision)
      ELSE timestamp_micros(GREATEST(r.started_at, r.ended_at) DIV 1000) END AS scored_at, TRUE AS valid
  FROM roots AS r
  LATERAL VIEW explode(r.scores) e AS score_key, score
  WHERE r.root_rank = 1
  UNION ALL
  SELECT l.trace_id, l.score_name, l.score, 'log' AS source, l.scored_at, l.live AND NOT l.overridden AS valid
  FROM (
    SELECT l.*, COALESCE(array_contains(collect_set(CASE WHEN l.live THEN l.overrides END)
      OVER (PARTITION BY l.trace_id), l.assessment_id), FALSE) AS overridden
    FROM (
      SELECT l.trace_id, l.span_id, l.score_name, l.score, l.assessment_id, l.overrides,
        l.valid AND u.trace_id IS NULL AS live,
        timestamp_micros(COALESCE(u.observed, CASE WHEN l.valid THEN l.time_unix_nano
          ELSE GREATEST(l.time_unix_nano, l.observed) END) DIV 1000) AS scored_at
      FROM (
        SELECT l.trace_id, COALESCE(l.span_id, '') AS span_id, CASE WHEN length(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_'))) > 64 THEN concat(substr(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 1, 55), '_', substr(sha2(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 256), 1, 8)) ELSE trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')) END AS score_name,
          COALESCE(try_cast(try_element_at(l.attributes, 'gen_ai.evaluation.score.value') AS DOUBLE), CASE WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS score, l.time_unix_nano, l.observed_time_unix_nano AS observed,
          COALESCE(try_cast(try_element_at(l.attributes, 'mlflow.assessment.valid') AS BOOLEAN), TRUE) AS valid,
          try_element_at(l.attributes, 'mlflow.assessment.id') AS assessment_id,
          try_element_at(l.attributes, 'mlflow.assessment.overrides') AS overrides,
          ROW_NUMBER() OVER (PARTITION BY l.trace_id, COALESCE(l.span_id, ''),
            COALESCE(try_element_at(l.attributes, 'mlflow.assessment.id'), try_element_at(l.attributes, 'gen_ai.evaluation.name'))
            ORDER BY l.time_unix_nano DESC, l.observed_time_unix_nano DESC) AS repeat_rank
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'gen_ai.evaluation.result' AND try_element_at(l.attributes, 'gen_ai.evaluation.name') IS NOT NULL
          AND COALESCE(try_element_at(l.attributes, 'mlflow.assessment.kind'), 'feedback') = 'feedback'
      ) AS l
      LEFT JOIN (
        SELECT l.trace_id, max(l.observed_time_unix_nano) AS observed,
          max_by(from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>'), l.observed_time_unix_nano) AS present
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'mlflow.trace.updated' AND from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>') IS NOT NULL
        GROUP BY l.trace_id
      ) AS u ON u.trace_id = l.trace_id
        AND u.observed >= l.observed AND NOT array_contains(u.present, l.assessment_id)
      WHERE l.repeat_rank = 1
    ) AS l
  ) AS l
  JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
    AND (l.span_id IN ('', '0000000000000000') OR l.span_id = r.span_id)
),
weighed AS (
  SELECT trace_id, score_name, score, source, scored_at, valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE) AS counts,
    MAX(CASE WHEN NOT (valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE)) THEN scored_at END)
      OVER (PARTITION BY trace_id, score_name) AS withdrawn_at
  FROM all_scores
  WHERE score_name <> ''
),
current_scores AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, score_name
    ORDER BY scored_at DESC NULLS LAST,
      CASE source WHEN 'span' THEN 0 WHEN 'annotation' THEN 1 ELSE 2 END, score DESC) AS score_rank
  FROM weighed
  WHERE counts AND (source <> 'span' OR withdrawn_at IS NULL OR scored_at >= withdrawn_at)
),
pivoted AS (
  SELECT trace_id, map_from_entries(collect_list(struct(score_name, score))) AS scores
  FROM current_scores
  WHERE score_rank = 1
  GROUP BY trace_id
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
  try_element_at(p.scores, 'Relevance') AS `metric_relevance`,
  try_element_at(p.scores, 'answer_length') AS `metric_answer_length`,
  try_element_at(p.scores, 'groundedness') AS `metric_groundedness`,
  try_element_at(p.scores, 'relevance') AS `metric_relevance_99045570`,
  try_element_at(p.scores, 'tone') AS `metric_tone`
FROM roots AS r
LEFT JOIN pivoted AS p ON p.trace_id = r.trace_id
WHERE r.root_rank = 1
;
-- creates the view
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`everywhere_v1_genai_spans` (
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
TBLPROPERTIES ('otelcol_mlflow.definition' = '7d72f0981ffc79f39ee23c969d80a13e', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    cardinality(s.attributes) AS `width`,
    s.trace_id AS `trace_id`,
    s.span_id AS `span_id`,
    CASE WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') THEN s.parent_span_id END AS `parent_span_id`,
    timestamp_micros(s.start_time_unix_nano DIV 1000) AS `start_time`,
    CASE WHEN s.end_time_unix_nano >= s.start_time_unix_nano THEN (s.end_time_unix_nano - s.start_time_unix_nano) / 1000000D END AS `duration_ms`,
    trim(BOTH '"' FROM COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanType'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.operation.name'), ''), NULLIF(try_element_at(s.attributes, 'openinference.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'llm.request.type'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.type'), ''), NULLIF(try_element_at(s.attributes, 'ai.operationId'), ''))) AS `span_type`,
    s.name AS `span_name`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.request.model'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.llm.model'), ''), NULLIF(try_element_at(s.attributes, 'llm.model_name'), ''), NULLIF(try_element_at(s.attributes, 'embedding.model_name'), ''), NULLIF(try_element_at(s.attributes, 'reranker.model_name'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.model.name'), ''), NULLIF(try_element_at(s.attributes, 'ai.model.id'), ''), NULLIF(try_element_at(s.attributes, 'llm.request.model'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.ls_model_name'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.response.model'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.model'), ''), NULLIF(try_element_at(s.attributes, 'llm.response.model'), '')) AS `model`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.provider.name'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.system'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.llm.provider'), ''), NULLIF(try_element_at(s.attributes, 'llm.provider'), ''), NULLIF(try_element_at(s.attributes, 'llm.system'), ''), NULLIF(try_element_at(s.attributes, 'ai.model.provider'), ''), NULLIF(try_element_at(s.attributes, 'llm.vendor'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.ls_provider'), '')) AS `provider`,
    CASE WHEN lower(trim(BOTH '"' FROM COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanType'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.operation.name'), ''), NULLIF(try_element_at(s.attributes, 'openinference.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'llm.request.type'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.span.kind'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.type'), ''), NULLIF(try_element_at(s.attributes, 'ai.operationId'), '')))) IN ('ai.toolcall', 'execute_tool', 'tool') THEN COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.tool.name'), ''), NULLIF(try_element_at(s.attributes, 'tool.name'), ''), NULLIF(try_element_at(s.attributes, 'ai.toolCall.name'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.entity.name'), ''), s.name) ELSE NULLIF(try_element_at(s.attributes, 'gen_ai.tool.name'), '') END AS `tool`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.agent.name'), ''), NULLIF(try_element_at(s.attributes, 'agent.name'), '')) AS `agent`,
    CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END AS `status`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'error.type'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN try_element_at(try_element_at(filter(s.events, e -> e.name = 'exception'), -1).attributes, 'exception.type') END) AS `error_type`,
    try_cast(try_element_at(s.attributes, 'contract_cost_total') AS DOUBLE) AS `contract_cost`,
    NULLIF(try_element_at(s.attributes, 'contract_cost_currency'), '') AS `contract_cost_currency`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentId'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment_id`,
    NULLIF(try_element_at(s.resource.attributes, 'service.name'), '') AS `service_name`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.attributes, 'deployment.environment'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.environment'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment'), '')) AS `environment`,
    NULLIF(try_element_at(s.attributes, 'mlflow.chat.tokenUsage'), '') AS `usage`,
    COALESCE(COALESCE(try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.input_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.prompt_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.token_count.prompt') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.usage.prompt_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.inputTokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.promptTokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.tokens') AS DOUBLE) AS BIGINT)), element_at(transform(array(from_json(try_element_at(s.attributes, 'langfuse.observation.usage_details'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + CASE WHEN (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) <= COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) AND COALESCE(try_element_at(u, 'total'), try_element_at(u, 'total_tokens')) = COALESCE(try_element_at(u, 'input'), try_element_at(u, 'input_tokens'), try_element_at(u, 'prompt_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')), 0D) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D) THEN 0D ELSE (COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)) END, NULLIF((COALESCE(COALESCE(try_element_at(u, 'input_cached_tokens'), try_element_at(u, 'cache_read_input_tokens'), try_element_at(u, 'input_cache_read')), 0D) + COALESCE(COALESCE(try_element_at(u, 'cache_creation_input_tokens'), try_element_at(u, 'input_cache_creation'), try_element_at(u, 'input_cache_creation_5m'), try_element_at(u, 'cache_write_input_tokens')), 0D) + COALESCE(try_element_at(u, 'input_cache_creation_1h'), 0D)), 0D)) AS BIGINT)), 1)) AS `usage_input`,
    COALESCE(COALESCE(try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.output_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'gen_ai.usage.completion_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.token_count.completion') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'llm.usage.completion_tokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.outputTokens') AS DOUBLE) AS BIGINT), try_cast(try_cast(try_element_at(s.attributes, 'ai.usage.completionTokens') AS DOUBLE) AS BIGINT)), element_at(transform(array(from_json(try_element_at(s.attributes, 'langfuse.observation.usage_details'), 'map<string,double>')), u -> CAST(COALESCE(COALESCE(try_element_at(u, 'output'), try_element_at(u, 'output_tokens'), try_element_at(u, 'completion_tokens')) + COALESCE(COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning')), 0D), COALESCE(try_element_at(u, 'output_reasoning_tokens'), try_element_at(u, 'output_reasoning'))) AS BIGINT)), 1)) AS `usage_output`,
    NULLIF(try_element_at(s.attributes, 'mlflow.llm.cost'), '') AS `costs`,
    COALESCE(try_cast(try_element_at(s.attributes, 'llm.cost.total') AS DOUBLE), try_cast(get_json_object(try_element_at(s.attributes, 'langfuse.observation.cost_details'), '$.total') AS DOUBLE), aggregate(map_values(from_json(try_element_at(s.attributes, 'langfuse.observation.cost_details'), 'map<string,double>')), CAST(NULL AS DOUBLE), (sum, v) -> COALESCE(sum, 0D) + COALESCE(v, 0D))) AS `cost_total`
  FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_spans` AS s
  WHERE s.trace_id <> ''
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, ended_at DESC, width DESC) AS repeat_rank FROM candidates
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
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`everywhere_v1_genai_content` (
  `request_id` COMMENT 'Id of the trace as MLflow writes it, or the trace id of OpenTelemetry.',
  `trace_id` COMMENT 'Trace id of OpenTelemetry, 32 hexadecimal digits.',
  `request_time` COMMENT 'When the trace began. The time of quality monitors.',
  `experiment_id` COMMENT 'Id of the MLflow experiment.',
  `service_name` COMMENT 'service.name of the resource.',
  `request` COMMENT 'What was asked: content.',
  `response` COMMENT 'What was answered: content.'
)
COMMENT 'What was asked and answered, one row per GenAI trace: content, to be granted apart from the other views. Made by databricks_setup of otelcol-mlflow, which adds columns and leaves a view alone that was changed by hand.'
TBLPROPERTIES ('otelcol_mlflow.definition' = '172b902fe13a94dd9cb38d36997d6b83', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    cardinality(s.attributes) AS `width`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_element_at(s.attributes, 'mlflow.traceRequestId')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    timestamp_micros(s.start_time_unix_nano DIV 1000) AS `request_time`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentId'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment_id`,
    NULLIF(try_element_at(s.resource.attributes, 'service.name'), '') AS `service_name`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanInputs'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.input.messages'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.tool.call.arguments'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.retrieval.query.text'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.tool_call_args'), ''), NULLIF(try_element_at(s.attributes, 'ai.toolCall.args'), ''), NULLIF(try_element_at(s.attributes, 'input.value'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.entity.input'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.input'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.prompt'), ''), NULLIF(try_element_at(s.attributes, 'ai.prompt.messages'), ''), NULLIF(try_element_at(s.attributes, 'ai.prompt'), ''), NULLIF(try_element_at(s.attributes, 'ai.value'), ''), NULLIF(try_element_at(s.attributes, 'pydantic_ai.all_messages'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.llm_request'), ''), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.input_messages.')), (k, v) -> substr(k, 20))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'gen_ai.prompt.')), (k, v) -> substr(k, 15))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.prompts.')), (k, v) -> substr(k, 13))), '{}'), NULLIF(try_element_at(s.attributes, 'mlflow.requestPreview'), '')) AS `request`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanOutputs'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.output.messages'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.tool.call.result'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.tool_response'), ''), NULLIF(try_element_at(s.attributes, 'ai.toolCall.result'), ''), NULLIF(try_element_at(s.attributes, 'output.value'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.entity.output'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.output'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.completion'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.text'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.object'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.toolCalls'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.llm_response'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.retrieval.documents'), ''), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.output_messages.')), (k, v) -> substr(k, 21))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'gen_ai.completion.')), (k, v) -> substr(k, 19))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.completions.')), (k, v) -> substr(k, 17))), '{}'), NULLIF(try_element_at(s.attributes, 'mlflow.responsePreview'), '')) AS `response`,
    s.span_id AS `span_id`,
    CASE WHEN try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.spanType') IS NOT NULL OR try_element_at(s.attributes, 'langsmith.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.operation.name') IS NOT NULL OR try_element_at(s.attributes, 'openinference.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'llm.request.type') IS NOT NULL OR try_element_at(s.attributes, 'traceloop.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'langfuse.observation.type') IS NOT NULL OR try_element_at(s.attributes, 'ai.operationId') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.provider.name') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.system') IS NOT NULL OR try_element_at(s.attributes, 'mlflow.traceRequestId') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`
  FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.revision') IS NOT NULL OR try_element_at(s.attributes, 'token_count_request') IS NOT NULL OR try_element_at(s.attributes, 'token_count_response') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL OR try_element_at(s.attributes, 'contract_cost_trace_total') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, ended_at DESC, width DESC) AS repeat_rank FROM candidates
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
CREATE VIEW IF NOT EXISTS `spark_catalog`.`lab`.`everywhere_v1_genai_eval` (
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
TBLPROPERTIES ('otelcol_mlflow.definition' = 'dfe6acb1fa3f95149d0ed0b0aafe4e2e', 'otelcol_mlflow.view' = '1')
AS
WITH candidates AS (
  SELECT
    try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    cardinality(s.attributes) AS `width`,
    COALESCE(NULLIF(trim(BOTH '"' FROM try_element_at(s.attributes, 'mlflow.traceRequestId')), ''), s.trace_id) AS `request_id`,
    s.trace_id AS `trace_id`,
    timestamp_micros(s.start_time_unix_nano DIV 1000) AS `request_time`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceState'), ''), CASE WHEN s.status.code IN ('STATUS_CODE_OK', 'OK') THEN 'OK' WHEN s.status.code IN ('STATUS_CODE_ERROR', 'ERROR') THEN 'ERROR' ELSE 'UNSET' END) AS `status`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentId'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment_id`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.experimentName'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentName'), ''), NULLIF(try_element_at(s.resource.attributes, 'openinference.project.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'mlflow.experimentId'), '')) AS `experiment`,
    NULLIF(try_element_at(s.resource.attributes, 'service.name'), '') AS `service_name`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'gen_ai.conversation.id'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.trace.session'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.session.id'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.association.properties.session_id'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.session_id'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.session_id'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.thread_id'), ''), NULLIF(try_element_at(s.attributes, 'langsmith.metadata.conversation_id'), ''), NULLIF(try_element_at(s.attributes, 'session.id'), '')) AS `session_id`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.attributes, 'deployment.environment'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.environment'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.env'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.env'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment.name'), ''), NULLIF(try_element_at(s.resource.attributes, 'deployment.environment'), '')) AS `environment`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.app_version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.app_version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceTag.version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.traceMetadata.version'), ''), NULLIF(try_element_at(s.attributes, 'service.version'), ''), NULLIF(try_element_at(s.resource.attributes, 'service.version'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.release'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.version'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.modelId'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.source.git.commit'), '')) AS `app_version`,
    NULLIF(try_element_at(s.attributes, 'mlflow.trace.sourceScorer'), '') AS `scorer`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.sourceRun'), ''), NULLIF(try_element_at(s.attributes, 'mlflow.eval.requestId'), '')) AS `run`,
    transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'mlflow.traceTag.')), (k, v) -> substr(k, 17)) AS `tags`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanInputs'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.input.messages'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.tool.call.arguments'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.retrieval.query.text'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.tool_call_args'), ''), NULLIF(try_element_at(s.attributes, 'ai.toolCall.args'), ''), NULLIF(try_element_at(s.attributes, 'input.value'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.entity.input'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.input'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.prompt'), ''), NULLIF(try_element_at(s.attributes, 'ai.prompt.messages'), ''), NULLIF(try_element_at(s.attributes, 'ai.prompt'), ''), NULLIF(try_element_at(s.attributes, 'ai.value'), ''), NULLIF(try_element_at(s.attributes, 'pydantic_ai.all_messages'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.llm_request'), ''), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.input_messages.')), (k, v) -> substr(k, 20))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'gen_ai.prompt.')), (k, v) -> substr(k, 15))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.prompts.')), (k, v) -> substr(k, 13))), '{}'), NULLIF(try_element_at(s.attributes, 'mlflow.requestPreview'), '')) AS `request`,
    COALESCE(NULLIF(try_element_at(s.attributes, 'mlflow.spanOutputs'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.output.messages'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.tool.call.result'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.tool_response'), ''), NULLIF(try_element_at(s.attributes, 'ai.toolCall.result'), ''), NULLIF(try_element_at(s.attributes, 'output.value'), ''), NULLIF(try_element_at(s.attributes, 'traceloop.entity.output'), ''), NULLIF(try_element_at(s.attributes, 'langfuse.observation.output'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.completion'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.text'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.object'), ''), NULLIF(try_element_at(s.attributes, 'ai.response.toolCalls'), ''), NULLIF(try_element_at(s.attributes, 'gcp.vertex.agent.llm_response'), ''), NULLIF(try_element_at(s.attributes, 'gen_ai.retrieval.documents'), ''), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.output_messages.')), (k, v) -> substr(k, 21))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'gen_ai.completion.')), (k, v) -> substr(k, 19))), '{}'), NULLIF(to_json(transform_keys(map_filter(s.attributes, (k, v) -> startswith(k, 'llm.completions.')), (k, v) -> substr(k, 17))), '{}'), NULLIF(try_element_at(s.attributes, 'mlflow.responsePreview'), '')) AS `response`,
    s.span_id AS `span_id`,
    CASE WHEN try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.spanType') IS NOT NULL OR try_element_at(s.attributes, 'langsmith.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.operation.name') IS NOT NULL OR try_element_at(s.attributes, 'openinference.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'llm.request.type') IS NOT NULL OR try_element_at(s.attributes, 'traceloop.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'langfuse.observation.type') IS NOT NULL OR try_element_at(s.attributes, 'ai.operationId') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.provider.name') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.system') IS NOT NULL OR try_element_at(s.attributes, 'mlflow.traceRequestId') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(s.attributes, (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_cast(v AS DOUBLE), CASE WHEN lower(trim(v)) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(v)) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`,
    try_element_at(s.attributes, 'mlflow.assessments') AS `assessments`
  FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.revision') IS NOT NULL OR try_element_at(s.attributes, 'token_count_request') IS NOT NULL OR try_element_at(s.attributes, 'token_count_response') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL OR try_element_at(s.attributes, 'contract_cost_trace_total') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, ended_at DESC, width DESC) AS repeat_rank FROM candidates
),
roots AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at DESC, span_id) AS root_rank
  FROM versions
  WHERE repeat_rank = 1
),
all_scores AS (
  SELECT r.trace_id, substr(e.score_key, 8) AS score_name, e.score, 'span' AS source,
    CASE WHEN r.revision > 0 THEN timestamp_millis(r.revision)
      ELSE timestamp_micros(GREATEST(r.started_at, r.ended_at) DIV 1000) END AS scored_at, TRUE AS valid
  FROM roots AS r
  LATERAL VIEW explode(r.scores) e AS score_key, score
  WHERE r.root_rank = 1
  UNION ALL
  SELECT l.trace_id, l.score_name, l.score, 'log' AS source, l.scored_at, l.live AND NOT l.overridden AS valid
  FROM (
    SELECT l.*, COALESCE(array_contains(collect_set(CASE WHEN l.live THEN l.overrides END)
      OVER (PARTITION BY l.trace_id), l.assessment_id), FALSE) AS overridden
    FROM (
      SELECT l.trace_id, l.span_id, l.score_name, l.score, l.assessment_id, l.overrides,
        l.valid AND u.trace_id IS NULL AS live,
        timestamp_micros(COALESCE(u.observed, CASE WHEN l.valid THEN l.time_unix_nano
          ELSE GREATEST(l.time_unix_nano, l.observed) END) DIV 1000) AS scored_at
      FROM (
        SELECT l.trace_id, COALESCE(l.span_id, '') AS span_id, CASE WHEN length(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_'))) > 64 THEN concat(substr(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 1, 55), '_', substr(sha2(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 256), 1, 8)) ELSE trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')) END AS score_name,
          COALESCE(try_cast(try_element_at(l.attributes, 'gen_ai.evaluation.score.value') AS DOUBLE), CASE WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS score, l.time_unix_nano, l.observed_time_unix_nano AS observed,
          COALESCE(try_cast(try_element_at(l.attributes, 'mlflow.assessment.valid') AS BOOLEAN), TRUE) AS valid,
          try_element_at(l.attributes, 'mlflow.assessment.id') AS assessment_id,
          try_element_at(l.attributes, 'mlflow.assessment.overrides') AS overrides,
          ROW_NUMBER() OVER (PARTITION BY l.trace_id, COALESCE(l.span_id, ''),
            COALESCE(try_element_at(l.attributes, 'mlflow.assessment.id'), try_element_at(l.attributes, 'gen_ai.evaluation.name'))
            ORDER BY l.time_unix_nano DESC, l.observed_time_unix_nano DESC) AS repeat_rank
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'gen_ai.evaluation.result' AND try_element_at(l.attributes, 'gen_ai.evaluation.name') IS NOT NULL
          AND COALESCE(try_element_at(l.attributes, 'mlflow.assessment.kind'), 'feedback') = 'feedback'
      ) AS l
      LEFT JOIN (
        SELECT l.trace_id, max(l.observed_time_unix_nano) AS observed,
          max_by(from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>'), l.observed_time_unix_nano) AS present
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'mlflow.trace.updated' AND from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>') IS NOT NULL
        GROUP BY l.trace_id
      ) AS u ON u.trace_id = l.trace_id
        AND u.observed >= l.observed AND NOT array_contains(u.present, l.assessment_id)
      WHERE l.repeat_rank = 1
    ) AS l
  ) AS l
  JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
    AND (l.span_id IN ('', '0000000000000000') OR l.span_id = r.span_id)
),
weighed AS (
  SELECT trace_id, score_name, score, source, scored_at, valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE) AS counts,
    MAX(CASE WHEN NOT (valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE)) THEN scored_at END)
      OVER (PARTITION BY trace_id, score_name) AS withdrawn_at
  FROM all_scores
  WHERE score_name <> ''
),
current_scores AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, score_name
    ORDER BY scored_at DESC NULLS LAST,
      CASE source WHEN 'span' THEN 0 WHEN 'annotation' THEN 1 ELSE 2 END, score DESC) AS score_rank
  FROM weighed
  WHERE counts AND (source <> 'span' OR withdrawn_at IS NULL OR scored_at >= withdrawn_at)
),
pivoted AS (
  SELECT trace_id, map_from_entries(collect_list(struct(score_name, score))) AS scores
  FROM current_scores
  WHERE score_rank = 1
  GROUP BY trace_id
),
expectations AS (
  SELECT e.trace_id, e.name, e.value, e.said_at, 0 AS place
  FROM (
    SELECT e.*, COALESCE(array_contains(collect_set(CASE WHEN e.live THEN e.overrides END)
      OVER (PARTITION BY e.trace_id), e.assessment_id), FALSE) AS overridden
    FROM (
      SELECT e.trace_id, e.assessment_id, e.name, e.whole AS value, e.overrides, e.said_at,
        e.valid AND u.trace_id IS NULL AS live
      FROM (
        SELECT e.*, max(e.value) OVER (PARTITION BY e.trace_id, e.assessment_key, e.said_at) AS whole,
          ROW_NUMBER() OVER (PARTITION BY e.trace_id, e.assessment_key
            ORDER BY e.said_at DESC NULLS LAST, e.found_at DESC NULLS LAST) AS state_rank
        FROM (
          SELECT e.*, COALESCE(e.assessment_id, to_json(struct(e.name, e.said_at, e.value))) AS assessment_key
          FROM (
            SELECT e.trace_id, try_variant_get(e.said, '$.assessment_id', 'string') AS assessment_id,
              try_variant_get(e.said, '$.assessment_name', 'string') AS name,
              COALESCE(try_variant_get(e.said, '$.expectation.serialized_value.value', 'string'), to_json(try_variant_get(e.said, '$.expectation.value', 'variant'))) AS value,
              try_variant_get(e.said, '$.overrides', 'string') AS overrides, COALESCE(try_variant_get(e.said, '$.valid', 'boolean'), TRUE) AS valid,
              try_cast(COALESCE(try_variant_get(e.said, '$.last_update_time', 'string'), try_variant_get(e.said, '$.create_time', 'string')) AS TIMESTAMP) AS said_at,
              e.revision * 1000000 AS known_at, CAST(NULL AS BIGINT) AS found_at
            FROM (
    SELECT r.trace_id, r.span_id, r.revision, e.said
    FROM roots AS r
    LATERAL VIEW explode(try_variant_get(try_parse_json(r.assessments), '$', 'array<variant>')) e AS said
    WHERE r.root_rank = 1
  ) AS e
            WHERE try_variant_get(e.said, '$.expectation', 'variant') IS NOT NULL AND COALESCE(try_variant_get(e.said, '$.span_id', 'string'), '') IN ('', e.span_id)
            UNION ALL
            SELECT l.trace_id, try_element_at(l.attributes, 'mlflow.assessment.id') AS assessment_id,
              try_element_at(l.attributes, 'gen_ai.evaluation.name') AS name,
              CASE WHEN NOT COALESCE(array_contains(from_json(try_element_at(l.attributes, 'mlflow.assessment.truncated'), 'array<string>'), 'mlflow.assessment.value'), FALSE)
                THEN to_json(try_parse_json(try_element_at(l.attributes, 'mlflow.assessment.value'))) END AS value,
              try_element_at(l.attributes, 'mlflow.assessment.overrides') AS overrides,
              COALESCE(try_cast(try_element_at(l.attributes, 'mlflow.assessment.valid') AS BOOLEAN), TRUE) AS valid,
              timestamp_micros(l.time_unix_nano DIV 1000) AS said_at,
              l.observed_time_unix_nano AS known_at, l.observed_time_unix_nano AS found_at
            FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
            JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
              AND COALESCE(l.span_id, '') IN ('', '0000000000000000', r.span_id)
            WHERE l.event_name = 'gen_ai.evaluation.result'
              AND try_element_at(l.attributes, 'mlflow.assessment.kind') = 'expectation'
          ) AS e
        ) AS e
      ) AS e
      LEFT JOIN (
        SELECT l.trace_id, max(l.observed_time_unix_nano) AS observed,
          max_by(from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>'), l.observed_time_unix_nano) AS present
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'mlflow.trace.updated' AND from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>') IS NOT NULL
        GROUP BY l.trace_id
      ) AS u ON u.trace_id = e.trace_id
        AND u.observed >= e.known_at AND NOT array_contains(u.present, e.assessment_id)
      WHERE e.state_rank = 1
    ) AS e
  ) AS e
  WHERE e.live AND NOT e.overridden
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
    try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) AS `revision`,
    s.end_time_unix_nano AS `ended_at`,
    cardinality(s.attributes) AS `width`,
    s.trace_id AS `trace_id`,
    s.span_id AS `span_id`,
    CASE WHEN try_cast(try_cast(try_element_at(s.attributes, 'mlflow.revision') AS DOUBLE) AS BIGINT) IS NOT NULL THEN 0 WHEN COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.spanType') IS NOT NULL OR try_element_at(s.attributes, 'langsmith.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.operation.name') IS NOT NULL OR try_element_at(s.attributes, 'openinference.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'llm.request.type') IS NOT NULL OR try_element_at(s.attributes, 'traceloop.span.kind') IS NOT NULL OR try_element_at(s.attributes, 'langfuse.observation.type') IS NOT NULL OR try_element_at(s.attributes, 'ai.operationId') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.provider.name') IS NOT NULL OR try_element_at(s.attributes, 'gen_ai.system') IS NOT NULL OR try_element_at(s.attributes, 'mlflow.traceRequestId') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL THEN 1 ELSE 2 END AS `root_class`,
    COALESCE(s.parent_span_id, '') NOT IN ('', '0000000000000000') AS `has_parent`,
    s.start_time_unix_nano AS `started_at`,
    transform_values(map_filter(s.attributes, (k, v) -> startswith(k, 'metric_') AND length(k) > 7), (k, v) -> COALESCE(try_cast(v AS DOUBLE), CASE WHEN lower(trim(v)) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(v)) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END)) AS `scores`
  FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_spans` AS s
  WHERE s.trace_id <> '' AND (COALESCE(s.parent_span_id, '') IN ('', '0000000000000000') OR try_element_at(s.attributes, 'mlflow.revision') IS NOT NULL OR try_element_at(s.attributes, 'token_count_request') IS NOT NULL OR try_element_at(s.attributes, 'token_count_response') IS NOT NULL OR try_element_at(s.attributes, 'token_count_encoding') IS NOT NULL OR try_element_at(s.attributes, 'contract_cost_trace_total') IS NOT NULL)
),
versions AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, span_id ORDER BY revision DESC NULLS LAST, ended_at DESC, width DESC) AS repeat_rank FROM candidates
),
roots AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id ORDER BY root_class, has_parent, started_at, ended_at DESC, span_id) AS root_rank
  FROM versions
  WHERE repeat_rank = 1
),
all_scores AS (
  SELECT r.trace_id, substr(e.score_key, 8) AS score_name, e.score, 'span' AS source,
    CASE WHEN r.revision > 0 THEN timestamp_millis(r.revision)
      ELSE timestamp_micros(GREATEST(r.started_at, r.ended_at) DIV 1000) END AS scored_at, TRUE AS valid
  FROM roots AS r
  LATERAL VIEW explode(r.scores) e AS score_key, score
  WHERE r.root_rank = 1
  UNION ALL
  SELECT l.trace_id, l.score_name, l.score, 'log' AS source, l.scored_at, l.live AND NOT l.overridden AS valid
  FROM (
    SELECT l.*, COALESCE(array_contains(collect_set(CASE WHEN l.live THEN l.overrides END)
      OVER (PARTITION BY l.trace_id), l.assessment_id), FALSE) AS overridden
    FROM (
      SELECT l.trace_id, l.span_id, l.score_name, l.score, l.assessment_id, l.overrides,
        l.valid AND u.trace_id IS NULL AS live,
        timestamp_micros(COALESCE(u.observed, CASE WHEN l.valid THEN l.time_unix_nano
          ELSE GREATEST(l.time_unix_nano, l.observed) END) DIV 1000) AS scored_at
      FROM (
        SELECT l.trace_id, COALESCE(l.span_id, '') AS span_id, CASE WHEN length(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_'))) > 64 THEN concat(substr(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 1, 55), '_', substr(sha2(trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')), 256), 1, 8)) ELSE trim(BOTH '_' FROM regexp_replace(lower(try_element_at(l.attributes, 'gen_ai.evaluation.name')), '[^\\p{L}\\p{M}\\p{N}_]+', '_')) END AS score_name,
          COALESCE(try_cast(try_element_at(l.attributes, 'gen_ai.evaluation.score.value') AS DOUBLE), CASE WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('yes', 'true', 'pass', 'passed') THEN 1.0D WHEN lower(trim(try_element_at(l.attributes, 'gen_ai.evaluation.score.label'))) IN ('no', 'false', 'fail', 'failed') THEN 0.0D END) AS score, l.time_unix_nano, l.observed_time_unix_nano AS observed,
          COALESCE(try_cast(try_element_at(l.attributes, 'mlflow.assessment.valid') AS BOOLEAN), TRUE) AS valid,
          try_element_at(l.attributes, 'mlflow.assessment.id') AS assessment_id,
          try_element_at(l.attributes, 'mlflow.assessment.overrides') AS overrides,
          ROW_NUMBER() OVER (PARTITION BY l.trace_id, COALESCE(l.span_id, ''),
            COALESCE(try_element_at(l.attributes, 'mlflow.assessment.id'), try_element_at(l.attributes, 'gen_ai.evaluation.name'))
            ORDER BY l.time_unix_nano DESC, l.observed_time_unix_nano DESC) AS repeat_rank
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'gen_ai.evaluation.result' AND try_element_at(l.attributes, 'gen_ai.evaluation.name') IS NOT NULL
          AND COALESCE(try_element_at(l.attributes, 'mlflow.assessment.kind'), 'feedback') = 'feedback'
      ) AS l
      LEFT JOIN (
        SELECT l.trace_id, max(l.observed_time_unix_nano) AS observed,
          max_by(from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>'), l.observed_time_unix_nano) AS present
        FROM `spark_catalog`.`lab`.`mlflow_experiment_trace_otel_logs` AS l
        WHERE l.event_name = 'mlflow.trace.updated' AND from_json(try_element_at(l.attributes, 'mlflow.trace.assessments'), 'array<string>') IS NOT NULL
        GROUP BY l.trace_id
      ) AS u ON u.trace_id = l.trace_id
        AND u.observed >= l.observed AND NOT array_contains(u.present, l.assessment_id)
      WHERE l.repeat_rank = 1
    ) AS l
  ) AS l
  JOIN roots AS r ON r.trace_id = l.trace_id AND r.root_rank = 1
    AND (l.span_id IN ('', '0000000000000000') OR l.span_id = r.span_id)
),
weighed AS (
  SELECT trace_id, score_name, score, source, scored_at, valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE) AS counts,
    MAX(CASE WHEN NOT (valid AND COALESCE(abs(score) <= 1.7976931348623157E308D, FALSE)) THEN scored_at END)
      OVER (PARTITION BY trace_id, score_name) AS withdrawn_at
  FROM all_scores
  WHERE score_name <> ''
),
current_scores AS (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY trace_id, score_name
    ORDER BY scored_at DESC NULLS LAST,
      CASE source WHEN 'span' THEN 0 WHEN 'annotation' THEN 1 ELSE 2 END, score DESC) AS score_rank
  FROM weighed
  WHERE counts AND (source <> 'span' OR withdrawn_at IS NULL OR scored_at >= withdrawn_at)
)
SELECT score_name, source, count(*) AS occurrences
FROM current_scores
WHERE score_rank = 1
GROUP BY score_name, source
ORDER BY occurrences DESC, score_name, source
LIMIT 1000
;
