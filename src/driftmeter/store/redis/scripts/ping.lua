-- Writes a key that nothing reads, KEYS[1].
return redis.call('SET', tag, '', 'PX', 1000)
