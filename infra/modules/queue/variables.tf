variable "name" {
  description = "Name of the queue, without `.fifo`."
  type        = string
}

variable "arn_prefix" {
  description = "`arn:aws:sqs:<region>:<account>`."
  type        = string
}

variable "fifo" {
  description = "Whether the queue keeps the order within groups: needed behind a FIFO topic."
  type        = bool
  default     = false
}

variable "function_timeout" {
  description = "Seconds of an invocation of the function that reads it."
  type        = number
}

variable "visibility_timeout" {
  description = "Seconds for which a received message is hidden."
  type        = number
}

variable "max_message_bytes" {
  description = "Bytes of a message, at most."
  type        = number
  default     = 262144
}

variable "max_receive_count" {
  description = "Tries of a message before it is a dead letter."
  type        = number
  default     = 5

  validation {
    # Lambda's documentation advises at least five: with fewer, throttling alone sends messages to the dead letters.
    condition     = var.max_receive_count >= 5
    error_message = "At least five tries: throttling uses some of them."
  }
}

variable "max_age" {
  description = "Seconds for which the oldest message may wait without an alarm; null for a quarter of an hour behind the second try."
  type        = number
  default     = null
}

variable "senders" {
  description = "Services that may send, each for one resource."
  type        = list(object({ service = string, arn = string }))
  default     = []
}

variable "emulated" {
  description = "Whether an emulator replaces AWS."
  type        = bool
  default     = false
}

variable "watching" {
  description = "`full` or `small`: `small` has the alarm on dead letters alone."
  type        = string
  default     = "full"
}

variable "age_is_watched" {
  description = "Whether the age of the oldest message has an alarm with small watching too."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "KMS key of the messages; null for SQS's own encryption."
  type        = string
}

variable "alert_topic_arn" {
  description = "SNS topic that receives alarms."
  type        = string
}
