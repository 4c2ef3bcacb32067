output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.id
}

output "dead_letters_name" {
  description = "Name of the queue of dead letters."
  value       = aws_sqs_queue.dead_letters.name
}

output "visibility_timeout" {
  description = "Seconds for which a received message is hidden."
  value       = aws_sqs_queue.this.visibility_timeout_seconds
}

output "max_message_bytes" {
  description = "Bytes of a message, at most."
  value       = aws_sqs_queue.this.max_message_size
}

output "alarms" {
  description = "Names of its alarms."
  value = concat(
    [aws_cloudwatch_metric_alarm.dead_letters.alarm_name],
    aws_cloudwatch_metric_alarm.dead_letters_age[*].alarm_name,
    aws_cloudwatch_metric_alarm.age[*].alarm_name,
  )
}

output "encryption" {
  description = "How messages and dead letters are encrypted: `KMS` or `SQS`, each once."
  value = toset([
    for queue in [aws_sqs_queue.this, aws_sqs_queue.dead_letters] :
    queue.kms_master_key_id != null ? "KMS" : queue.sqs_managed_sse_enabled == true ? "SQS" : "none"
  ])
}

output "key_arn" {
  description = "Key of its messages; null with SQS's own encryption."
  value       = aws_sqs_queue.this.kms_master_key_id
}

output "max_age" {
  description = "Seconds for which the oldest message may wait without an alarm."
  value       = local.max_age
}
