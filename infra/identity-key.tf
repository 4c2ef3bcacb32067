# The key under which ids are derived: without it a reader of ids could try every UPRN (docs/adr/0034-identity.md).

resource "aws_secretsmanager_secret" "identity_key" {
  name        = "${var.name}/identity-key"
  description = "The key of the lake's ids. It is never rotated: under another key every person would get a second id."
  kms_key_id  = local.key_arn.operations

  # A deletion can be taken back for 30 days. An emulated platform is destroyed with its test.
  recovery_window_in_days = var.emulated ? 0 : 30
}

# A write-only argument is in no plan and no state, and is sent only when its version changes: never. So each apply
# may make another text. `uuid` takes 122 bits from the system's random numbers; three hold more than the hash's 256.
resource "aws_secretsmanager_secret_version" "identity_key" {
  secret_id                = aws_secretsmanager_secret.identity_key.id
  secret_string_wo         = join("", [uuid(), uuid(), uuid()])
  secret_string_wo_version = 1
}
