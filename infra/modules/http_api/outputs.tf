output "endpoint" {
  description = "Address of the API."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

output "execution_arn" {
  description = "What callers' policies name: `<this>/$default/POST/v1/<source>/events`."
  value       = aws_apigatewayv2_api.this.execution_arn
}

output "id" {
  description = "Id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "alarms" {
  description = "Names of its alarms."
  value       = aws_cloudwatch_metric_alarm.failing[*].alarm_name
}
