output "alert_topic_arn" {
  description = "Topic of alerts."
  value       = aws_sns_topic.alerts.arn
}

output "topic_policy_id" {
  description = "Depend on this output, so that a service publishes only once the policy allows it."
  value       = aws_sns_topic_policy.alerts.id
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "alarms" {
  description = "Names of its alarms."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.freshness : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.landing_failed : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.messages_missing : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.offset_gaps : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.quarantine : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.table_missing : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.kafka : alarm.alarm_name],
    [
      aws_cloudwatch_metric_alarm.given_up.alarm_name,
      aws_cloudwatch_metric_alarm.snapshot_missing.alarm_name,
      aws_cloudwatch_metric_alarm.merge_behind.alarm_name,
      aws_cloudwatch_metric_alarm.derived_steps_failed.alarm_name,
      aws_cloudwatch_metric_alarm.report_missing.alarm_name,
      aws_cloudwatch_metric_alarm.reconciliation_open.alarm_name,
      aws_cloudwatch_metric_alarm.rules_failed.alarm_name,
      aws_cloudwatch_metric_alarm.unusual.alarm_name,
      aws_cloudwatch_metric_alarm.schedules.alarm_name,
    ],
  )
}
