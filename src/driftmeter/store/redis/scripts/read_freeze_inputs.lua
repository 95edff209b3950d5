-- Returns what the next watermark depends on: the time, the model's hash, the watermarks of logs, and the end of the first
-- open pane, if there is one.
local first = redis.call('ZRANGE', key('open'), 0, 0, 'WITHSCORES')
return {text(now), redis.call('HGETALL', tag), redis.call('HGETALL', key('logs')), first[2] or false}
