-- Say whether this is the first to name a key in the time that it is kept.
local name, kept = unpack(ARGV, 2)
if redis.call('HEXISTS', tag, 'born') == 0 then return -1 end
local at = redis.call('HGET', key('notified'), name)
if at and tonumber(at) >= now - tonumber(kept) then return 0 end
redis.call('HSET', key('notified'), name, text(now))
return 1
