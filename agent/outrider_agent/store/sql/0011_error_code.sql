-- What the script called its failure (`run.fail(message, code)`), beside the exception's type and message.

ALTER TABLE runs ADD COLUMN error_code TEXT;
ALTER TABLE attempts ADD COLUMN error_code TEXT;
