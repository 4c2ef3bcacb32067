output "name" {
  description = "Name of the schedule."
  value       = aws_scheduler_schedule.this.name
}

output "input" {
  description = "The payload."
  value       = aws_scheduler_schedule.this.target[0].input
}

output "target" {
  description = "What it starts."
  value       = aws_scheduler_schedule.this.target[0].arn
}
