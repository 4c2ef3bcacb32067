output "endpoint" {
  description = "The address, without a slash at its end, as that of an HTTP API."
  value       = trimsuffix(aws_lambda_function_url.this.function_url, "/")
}

output "caller_statements" {
  description = "JSON list of the statements that a caller's role needs."
  value = jsonencode([
    {
      Sid       = "CallAddress"
      Effect    = "Allow"
      Action    = ["lambda:InvokeFunctionUrl"]
      Resource  = [var.function_arn]
      Condition = { StringEquals = { "lambda:FunctionUrlAuthType" = "AWS_IAM" } }
    },
    {
      # AWS asks for this right too since October 2025. Without the condition its owner could invoke the function past
      # the address, with a payload that names any caller: the function believes what Lambda writes about the caller.
      Sid       = "InvokeByAddressAlone"
      Effect    = "Allow"
      Action    = ["lambda:InvokeFunction"]
      Resource  = [var.function_arn]
      Condition = { Bool = { "lambda:InvokedViaFunctionUrl" = "true" } }
    },
  ])
}

output "alarms" {
  description = "Names of its alarms."
  value       = aws_cloudwatch_metric_alarm.failing[*].alarm_name
}
