-- Give the folding of a model to an owner, unless another one has it. One that ends very late is from before the clock
-- was put back.
local owner, length, longest = unpack(ARGV, 2)
local found, holder, ends = unpack(redis.call('HMGET', tag, 'born', 'owner', 'until'))
if not found then return -1 end
ends = tonumber(ends or '0')
if holder and holder ~= owner and ends > now and ends <= now + tonumber(longest) then return 0 end
redis.call('HSET', tag, 'owner', owner, 'until', text(now + tonumber(length)))
return 1
