-- What the next watermark depends on: the time, the model, the logs' watermarks, the end of the first open pane.
local first = redis.call('ZRANGE', key('open'), 0, 0, 'WITHSCORES')
return {text(now), redis.call('HGETALL', tag), redis.call('HGETALL', key('logs')), first[2] or false}
