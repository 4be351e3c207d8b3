-- Nobody asks for the longest due chunk of all any more.

DROP INDEX chunks_due;
