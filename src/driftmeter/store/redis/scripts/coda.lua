-- Ends every script, whose own part is main(). KEYS[2] is there where replicas must have what was found and written before
-- anybody is told: WAIT waits for the last write of its own connection, and where main() had nothing to write this is
-- one. It comes last: a server that is full lets a script go on that began by taking something away.
local answer = main()
if KEYS[2] then redis.call('SET', KEYS[2], '', 'PX', 1000) end
return answer
