variable "name" {
  description = "Name of the queue, without `.fifo`."
  type        = string
}

variable "arn_prefix" {
  description = "`arn:aws:sqs:<region>:<account>`."
  type        = string
}

variable "fifo" {
  description = "Whether it keeps the order within groups: needed behind a FIFO topic."
  type        = bool
  default     = false
}

variable "function_timeout" {
  description = "Seconds of an invocation of the function that reads it."
  type        = number
}

variable "visibility_timeout" {
  description = "Seconds for which a message that was received is hidden."
  type        = number
}

variable "max_receive_count" {
  description = "Tries of a message before it is a dead letter."
  type        = number
  default     = 5

  validation {
    # Lambda's advice: fewer lose messages to throttling alone.
    condition     = var.max_receive_count >= 5
    error_message = "At least five tries: throttling uses some up."
  }
}

variable "max_age" {
  description = "Seconds that the oldest message may wait without an alarm."
  type        = number
  default     = 900
}

variable "senders" {
  description = "Services that may send, each for one resource."
  type        = list(object({ service = string, arn = string }))
  default     = []
}

variable "emulated" {
  description = "Whether an emulator stands in for AWS."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key of the messages."
  type        = string
}

variable "alert_topic_arn" {
  description = "Topic that alarms go to."
  type        = string
}
