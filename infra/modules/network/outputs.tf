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
