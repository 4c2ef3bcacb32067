output "plan_role_arn" {
  description = "For the repository's variable PLAN_ROLE_ARN."
  value       = aws_iam_role.plan.arn
}

output "apply_role_arn" {
  description = "For APPLY_ROLE_ARN of the environment `production`."
  value       = aws_iam_role.apply.arn
}

output "trusts" {
  description = "Role to who may take it."
  value       = { plan = aws_iam_role.plan.assume_role_policy, apply = aws_iam_role.apply.assume_role_policy }
}

output "policies" {
  description = "Role to its own policy."
  value       = { plan = aws_iam_role_policy.plan.policy, apply = aws_iam_role_policy.apply.policy }
}
