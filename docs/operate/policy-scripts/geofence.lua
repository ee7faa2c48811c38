-- Refuses callers whose address lies in none of these IPv4 ranges. Keep the ranges of the countries that you work in here.
local ALLOWED = {
  { "192.0.2.0", 24 },
  { "198.51.100.0", 22 },
  { "127.0.0.0", 8 },
}

-- The address as a number; nil for what is not an IPv4 address. Node writes those of IPv4 callers as ::ffff:192.0.2.1.
local function number(text)
  local a, b, c, d = text:gsub("^::ffff:", ""):match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if a == nil then return nil end
  return (tonumber(a) << 24) | (tonumber(b) << 16) | (tonumber(c) << 8) | tonumber(d)
end

function evaluate(context)
  local address = number(context.environment.address)
  if address == nil then return "deny" end
  for _, range in ipairs(ALLOWED) do
    local shift = 32 - range[2]
    if address >> shift == number(range[1]) >> shift then return "allow" end
  end
  return "deny"
end
