"""The voices, each behind `prompts.speech.Engine`."""
