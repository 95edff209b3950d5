-- All is gone: the name is free.
if redis.call('HGET', tag, 'token') == ARGV[2] then redis.call('DEL', tag) end
return 1
