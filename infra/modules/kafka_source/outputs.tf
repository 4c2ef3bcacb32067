output "alarms" {
  description = "Names of its alarms."
  value = concat(
    [aws_cloudwatch_metric_alarm.lag.alarm_name],
    aws_cloudwatch_metric_alarm.failed_delivery[*].alarm_name,
    [for alarm in aws_cloudwatch_metric_alarm.given_up : alarm.alarm_name],
  )
}

output "groups" {
  description = "Topic to consumer group."
  value       = { for topic in var.topics : topic => lookup(var.consumer_groups, topic, "${var.group_prefix}-${topic}") }
}
