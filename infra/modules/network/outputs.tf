output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Private subnets, one in each zone."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "client_security_group_id" {
  description = "Security group of functions that produce."
  value       = aws_security_group.clients.id
}

output "broker_security_group_id" {
  description = "Security group of brokers and of Lambda's pollers."
  value       = aws_security_group.brokers.id
}

output "endpoint_policies" {
  description = "Service to the policy of its endpoint; AWS's own, which admits everything, where it is null."
  value = merge(
    { s3 = aws_vpc_endpoint.s3.policy },
    { for service, endpoint in aws_vpc_endpoint.interface : service => contains(keys(local.own_resources), service) ? endpoint.policy : null },
  )
}
