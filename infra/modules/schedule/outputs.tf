output "name" {
  description = "Name of the schedule."
  value       = aws_scheduler_schedule.this.name
}

output "expression" {
  description = "When it runs."
  value       = aws_scheduler_schedule.this.schedule_expression
}

output "state" {
  description = "`ENABLED` or `DISABLED`."
  value       = aws_scheduler_schedule.this.state
}

output "policy" {
  description = "The policy of its role."
  value       = aws_iam_role_policy.this.policy
}

output "input" {
  description = "The payload."
  value       = aws_scheduler_schedule.this.target[0].input
}

output "target" {
  description = "What it starts."
  value       = aws_scheduler_schedule.this.target[0].arn
}
