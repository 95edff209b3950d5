-- Move the watermark: from now on what ends by then is frozen, and whoever comes after that is late. Given: the
-- watermark before, the new one, the beat, until when live time stands still.
local expected, mark, beat, halted = unpack(ARGV, 2)
local barrier = redis.call('HGET', tag, 'barrier')
if not barrier then return false end
redis.call('HSET', tag, 'beat', beat, 'halted', halted)
if barrier == expected then
  redis.call('HSET', tag, 'barrier', mark)
  barrier = mark
end
if redis.call('ZCOUNT', key('open'), '-inf', barrier) == 0 then redis.call('HSET', tag, 'frozen', barrier) end
return barrier
