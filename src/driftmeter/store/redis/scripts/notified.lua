-- Returns 1 to the first caller that names a key within the retention, 0 to all others, -1 if the model is unknown.
local name = ARGV[2]
if redis.call('HEXISTS', tag, 'born') == 0 then return -1 end
local at = redis.call('HGET', key('notified'), name)
if at and tonumber(at) >= now - RETENTION then return 0 end
redis.call('HSET', key('notified'), name, text(now))
return 1
