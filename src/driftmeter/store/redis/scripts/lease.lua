-- Gives the lease on folding a model to an owner, unless another owner has it. Given: the owner, for how long. Returns -1
-- if the model is unknown, 0 if another owner has the lease, 1 otherwise. A lease that ends very late is from before the
-- clock was set back, and is ignored.
local owner, length = unpack(ARGV, 2)
local born, holder, ends = unpack(redis.call('HMGET', tag, 'born', 'owner', 'until'))
if not born then return -1 end
ends = tonumber(ends or '0')
if holder and holder ~= owner and ends > now and ends <= now + LONGEST_LEASE then return 0 end
redis.call('HSET', tag, 'owner', owner, 'until', text(now + tonumber(length)))
return 1
