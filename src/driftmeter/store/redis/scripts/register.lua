-- Keep a profile: digest, body, pane, lateness, whether again, what tells this model from one of its name before it.
local digest, body, pane, lateness, again, born = unpack(ARGV, 2)

local function used(name)
  if redis.call('EXISTS', key('ends', name), key('times', name)) > 0 then return true end
  for _, place in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
    if place:sub(1, #name + 1) == name .. ':' then return true end
  end
  return false
end

if redis.call('HEXISTS', tag, 'gone') == 1 then return -1 end
local active, newest = unpack(redis.call('HMGET', tag, 'digest', 'newest'))
local known = redis.call('ZSCORE', key('known'), digest)
if again == '0' and active and known and digest ~= newest then
  redis.call('HSET', key('used'), digest, text(now))
  return 0
end
if not active then
  redis.call('HSET', tag, 'born', born, 'frozen', '0', 'barrier', '0', 'beat', text(now), 'halted', '0')
end
redis.call('ZADD', key('known'), 'NX', text(now), digest)
redis.call('HSETNX', key('profiles'), digest, body)
redis.call('HSET', key('used'), digest, text(now))
for _, old in ipairs({active or digest, newest or digest}) do
  redis.call('HSET', key('used'), old, text(now))
end
if digest ~= newest then
  -- rollover.Standing.registered: where the active one never had rows there is nothing to wait for
  if not active or not used(active) then active = digest end
  redis.call('HSET', tag, 'digest', active, 'newest', digest, 'leader', '', 'streak', '0')
end
redis.call('HSET', tag, 'pane', pane, 'lateness', lateness)
return 1
