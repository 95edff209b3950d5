-- Sets a field of one of the hashes of a model that exists. Given: the name of the hash (empty: the model's own), the
-- field, the value, and `only_new` if a value that is there stays. Without a value the field is removed.
local name, field, value, only_new = unpack(ARGV, 2)
if redis.call('HEXISTS', tag, 'born') == 0 then return -1 end
local hash = name == '' and tag or key(name)
if not value then return redis.call('HDEL', hash, field) end
if only_new then return redis.call('HSETNX', hash, field, value) end
return redis.call('HSET', hash, field, value)
