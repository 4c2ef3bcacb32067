output "alert_topic_arn" {
  description = "Topic of alerts."
  value       = aws_sns_topic.alerts.arn
}

output "topic_policy_id" {
  description = "Depend on this output, so that a service publishes only once the policy allows it."
  value       = aws_sns_topic_policy.alerts.id
}

output "dashboard" {
  description = "Name of the dashboard; null with small watching."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}

output "alarms" {
  description = "Names of its alarms."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.freshness : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.landing_failed : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.landing_late : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.messages_missing : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.offset_gaps : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.quarantine : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.table_missing : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.kafka : alarm.alarm_name],
    aws_cloudwatch_metric_alarm.errors[*].alarm_name,
    aws_cloudwatch_metric_alarm.given_up[*].alarm_name,
    aws_cloudwatch_metric_alarm.snapshot_missing[*].alarm_name,
    aws_cloudwatch_metric_alarm.merge_behind[*].alarm_name,
    aws_cloudwatch_metric_alarm.unusual[*].alarm_name,
    aws_cloudwatch_metric_alarm.schedules[*].alarm_name,
    [
      aws_cloudwatch_metric_alarm.derived_steps_failed.alarm_name,
      aws_cloudwatch_metric_alarm.report_missing.alarm_name,
      aws_cloudwatch_metric_alarm.reconciliation_open.alarm_name,
      aws_cloudwatch_metric_alarm.rules_failed.alarm_name,
    ],
  )
}

output "metrics" {
  description = "What each alarm of polelake's own metrics watches: its name to the metric and its dimensions."
  value = {
    for alarm in concat(
      values(aws_cloudwatch_metric_alarm.landing_failed),
      values(aws_cloudwatch_metric_alarm.landing_late),
      values(aws_cloudwatch_metric_alarm.messages_missing),
      values(aws_cloudwatch_metric_alarm.offset_gaps),
      values(aws_cloudwatch_metric_alarm.quarantine),
      aws_cloudwatch_metric_alarm.errors,
      [
        aws_cloudwatch_metric_alarm.derived_steps_failed,
        aws_cloudwatch_metric_alarm.reconciliation_open,
        aws_cloudwatch_metric_alarm.rules_failed,
      ],
    ) : alarm.alarm_name => { metric = alarm.metric_name, dimensions = alarm.dimensions == null ? {} : alarm.dimensions }
  }
}

output "topic_key" {
  description = "The key of the alert topic; null without one."
  value       = aws_sns_topic.alerts.kms_master_key_id
}

output "awaited" {
  description = "What each alarm on something missing waits for: its name to the metric, its dimensions, the hours, and what missing data mean."
  value = {
    for alarm in concat(
      values(aws_cloudwatch_metric_alarm.freshness),
      values(aws_cloudwatch_metric_alarm.table_missing),
      aws_cloudwatch_metric_alarm.snapshot_missing,
      [aws_cloudwatch_metric_alarm.report_missing],
      ) : alarm.alarm_name => {
      metric     = one([for query in alarm.metric_query : one(query.metric[*].metric_name) if query.id == "found"])
      dimensions = one([for query in alarm.metric_query : one(query.metric[*].dimensions) if query.id == "found"])
      formula    = one([for query in alarm.metric_query : query.expression if query.return_data == true])
      hours      = alarm.evaluation_periods
      missing    = alarm.treat_missing_data
    }
  }
}

output "budget_tags" {
  description = "Tags that the budget counts by; empty for the whole account, null without a budget."
  value       = one([for budget in aws_budgets_budget.this : flatten([for filter in budget.cost_filter : filter.values])])
}

output "given_up_metric" {
  description = "What the alarm on the failures bucket counts; null without it."
  value       = one(aws_cloudwatch_metric_alarm.given_up[*].metric_name)
}
