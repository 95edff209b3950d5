-- Ends every script; the script itself is main(). KEYS[2] is given if replicas must have what main() read and wrote before
-- the caller hears of it. WAIT is about the last write of its own connection, and main() may have had nothing to write.
-- This write comes last: a full server lets a script finish whose first write was a deletion.
local reply = main()
if KEYS[2] then redis.call('SET', KEYS[2], '', 'PX', 1000) end
return reply
