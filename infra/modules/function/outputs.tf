output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "ARN by which API Gateway invokes it."
  value       = aws_lambda_function.this.invoke_arn
}

output "role_arn" {
  description = "ARN of its role."
  value       = aws_iam_role.this.arn
}

output "timeout" {
  description = "Seconds of an invocation."
  value       = aws_lambda_function.this.timeout
}

output "memory" {
  description = "MB of memory."
  value       = aws_lambda_function.this.memory_size
}

output "environment" {
  description = "Settings as they are deployed."
  value       = aws_lambda_function.this.environment[0].variables
}

output "policy" {
  description = "The policy of its role."
  value       = aws_iam_role_policy.this.policy
}

output "alarms" {
  description = "Names of its alarms."
  value = concat(
    aws_cloudwatch_metric_alarm.errors[*].alarm_name,
    aws_cloudwatch_metric_alarm.throttles[*].alarm_name,
    aws_cloudwatch_metric_alarm.duration[*].alarm_name,
  )
}

output "tracing" {
  description = "`Active`, or `PassThrough` where no trace begins."
  value       = one(aws_lambda_function.this.tracing_config[*].mode)
}

output "log_retention_days" {
  description = "Days for which its log lines are retained."
  value       = aws_cloudwatch_log_group.this.retention_in_days
}

output "settings_key_arn" {
  description = "Key of its settings; null with Lambda's own encryption."
  value       = aws_lambda_function.this.kms_key_arn
}

output "subnet_ids" {
  description = "Subnets that it runs in; empty outside of any VPC."
  value       = toset(flatten(aws_lambda_function.this.vpc_config[*].subnet_ids))
}
