-- Put a model on the list of all, which KEYS[1] is.
return redis.call('SADD', tag, ARGV[2])
