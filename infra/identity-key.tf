# The key under which ids are derived: without it a reader of ids could try every UPRN (docs/adr/0034-identity.md).

ephemeral "aws_secretsmanager_random_password" "identity_key" {
  # 62 characters give 5.9 bits each: 64 of them are more than the 256 bits of the hash.
  password_length     = 64
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "identity_key" {
  name        = "${var.name}/identity-key"
  description = "The key of the lake's ids. It is never rotated: under another key every person would get a second id."
  kms_key_id  = aws_kms_key.this["operations"].arn

  # A deletion can be taken back for 30 days. An emulated platform is destroyed with its test.
  recovery_window_in_days = var.emulated ? 0 : 30
}

# The text is written once and is in no plan and no state: a write-only argument of an ephemeral value.
resource "aws_secretsmanager_secret_version" "identity_key" {
  secret_id                = aws_secretsmanager_secret.identity_key.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.identity_key.random_password
  secret_string_wo_version = 1
}
