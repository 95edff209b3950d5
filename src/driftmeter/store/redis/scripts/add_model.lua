-- Adds a model to the set of all models, which is KEYS[1]. Given: its name.
return redis.call('SADD', tag, ARGV[2])
