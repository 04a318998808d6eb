-- drops the view; the tables stay
DROP VIEW IF EXISTS `spark_catalog`.`lab`.`agents_genai_eval`
;
-- drops the view; the tables stay
DROP VIEW IF EXISTS `spark_catalog`.`lab`.`agents_genai_content`
;
-- drops the view; the tables stay
DROP VIEW IF EXISTS `spark_catalog`.`lab`.`agents_genai_spans`
;
-- drops the view; the tables stay
DROP VIEW IF EXISTS `spark_catalog`.`lab`.`agents_genai_traces`
;
-- drops the view; the tables stay
DROP VIEW IF EXISTS `spark_catalog`.`lab`.`agents_genai_scores`
;
-- drops the streaming table [Databricks only]
DROP TABLE IF EXISTS `spark_catalog`.`lab`.`agents_genai_topmost_spans`
;
