-- Make a model unknown, and its name taken until all that belongs to it is gone.
if redis.call('EXISTS', tag) == 0 then return -1 end
redis.call('DEL', tag)
redis.call('HSET', tag, 'gone', text(now))
return 1
