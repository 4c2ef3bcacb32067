output "arn" {
  description = "ARN of the state machine."
  value       = local.arn
}

output "definition" {
  description = "Its definition, with its values filled in."
  value       = aws_sfn_state_machine.this.definition
}

output "alarms" {
  description = "Names of its alarms."
  value = [
    for alarm in [
      aws_cloudwatch_metric_alarm.failed, aws_cloudwatch_metric_alarm.timed_out, aws_cloudwatch_metric_alarm.aborted,
    ] : alarm.alarm_name
  ]
}

output "policy" {
  description = "The policy of its role."
  value       = aws_iam_role_policy.this.policy
}

output "alarm_metrics" {
  description = "Metric of each alarm, by its name."
  value = {
    for alarm in [
      aws_cloudwatch_metric_alarm.failed, aws_cloudwatch_metric_alarm.timed_out, aws_cloudwatch_metric_alarm.aborted,
    ] : alarm.alarm_name => alarm.metric_name if alarm.dimensions.StateMachineArn == local.arn
  }
}
