"""Words to sound: the Dutch of a message made speakable, spoken by an engine, levelled and encoded for telephones."""
