-- Adds a profile. Given: its digest, its body, pane and lateness of the model, '0' if a profile that the model no longer
-- counts by stays as it is, and a random text that tells a new model from an earlier one of the same name. Returns -1 if
-- the model is being deleted, 0 if the profile stays as it is, 1 otherwise.
local digest, body, pane, lateness, reactivate, born = unpack(ARGV, 2)

-- Whether the model has counted anything by a profile.
local function has_rows(profile)
  if redis.call('EXISTS', key('ends', profile), key('times', profile)) > 0 then return true end
  for _, open_pane in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
    if open_pane:sub(1, #profile + 1) == profile .. ':' then return true end
  end
  return false
end

if redis.call('HEXISTS', tag, 'gone') == 1 then return -1 end
local active, newest = unpack(redis.call('HMGET', tag, 'digest', 'newest'))
local is_known = redis.call('ZSCORE', key('digests'), digest)
if reactivate == '0' and active and is_known and digest ~= newest then
  redis.call('HSET', key('used'), digest, text(now))
  return 0
end
if not active then
  redis.call('HSET', tag, 'born', born, 'frozen', '0', 'barrier', '0', 'beat', text(now), 'halted', '0')
end
redis.call('ZADD', key('digests'), 'NX', text(now), digest)
redis.call('HSETNX', key('profiles'), digest, body)
for _, used in ipairs({digest, active or digest, newest or digest}) do
  redis.call('HSET', key('used'), used, text(now))
end
if digest ~= newest then
  -- panes.rollover.Rollover.registered: an active profile that never had rows need not be waited for
  if not active or not has_rows(active) then active = digest end
  redis.call('HSET', tag, 'digest', active, 'newest', digest, 'leader', '', 'streak', '0')
end
redis.call('HSET', tag, 'pane', pane, 'lateness', lateness)
return 1
