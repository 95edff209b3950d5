-- Write something that nobody reads, which KEYS[1] is.
return redis.call('SET', tag, '', 'PX', 1000)
