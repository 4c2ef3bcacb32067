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
  value       = [aws_cloudwatch_metric_alarm.failed.alarm_name]
}

output "policy" {
  description = "The policy of its role."
  value       = aws_iam_role_policy.this.policy
}
