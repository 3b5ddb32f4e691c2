import { type FrameLayout, partsOf } from "../framing/layout.ts";

/** A framing for Wireshark. */
export interface DissectorFraming {
  /** Its name, as `header` or `fixed:24`. */
  readonly name: string;
  /** Its layout. */
  readonly layout: FrameLayout;
}

/**
 * Writes dissectors for Wireshark, in Lua: they find the messages of a framing in a TCP stream, in whatever segments it
 * arrives, and name their parts. Choose them with "Decode As", or with `-d tcp.port==9000,wirebench_header` of tshark.
 *
 * @param framings The framings. The dissector of each is named after it: `wirebench_header`, `wirebench_fixed_24`.
 * @param ports The TCP ports to whose streams Wireshark applies the first dissector by default.
 * @returns A script: `wireshark -X lua_script:FILE`.
 *
 * @example
 * ```ts
 * import { fixed } from "@wirebench/wirebench/framing";
 * import { dissector } from "@wirebench/wirebench/record";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const script = dissector([{ name: "fixed:24", layout: fixed(24).layout! }], [9000]);
 * assertStringIncludes(script, 'dissector("wirebench_fixed_24", "Wirebench fixed:24", { kind = "fixed"');
 * ```
 */
export function dissector(framings: readonly DissectorFraming[], ports: readonly number[] = []): string {
  const calls = framings.map(({ name, layout }, index) => {
    const args = [dissectorName(name), binary(`Wirebench ${name}`), tableOf(layout), index === 0 ? ports : []];
    return `dissector(${args.map(toLua).join(", ")})\n`;
  });
  return `${PREAMBLE}\n${calls.join("")}`;
}

/**
 * Names the dissector of a framing.
 *
 * @param framing The framing's name.
 * @returns The name, as Wireshark's filters use it.
 *
 * @example
 * ```ts
 * import { dissectorName } from "@wirebench/wirebench/record";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(dissectorName("tagged:A=4,B=16"), "wirebench_tagged_a_4_b_16");
 * ```
 */
export function dissectorName(framing: string): string {
  return `wirebench_${framing.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/_$/, "")}`;
}

/** A value of Lua. A `Map` becomes a table with numbers as keys. */
type LuaValue =
  | string
  | number
  | boolean
  | readonly LuaValue[]
  | ReadonlyMap<number, LuaValue>
  | { readonly [name: string]: LuaValue };

/** The layout as the readers of the script take it. */
function tableOf(layout: FrameLayout): { [name: string]: LuaValue } {
  const list = partsOf(layout);
  const parts = list.map(({ name }) => name);
  const payload = list.find(({ role }) => role === "payload")!.name;
  return { kind: layout.kind, parts, payload, ...fieldsOf(layout) };
}

function fieldsOf(layout: FrameLayout): { [name: string]: LuaValue } {
  switch (layout.kind) {
    case "decimal":
    case "netstring":
      return { maxLength: layout.maxLength };
    case "fixed":
      return { length: layout.length };
    case "tagged":
      return { lengths: new Map(Object.entries(layout.lengths).map(([type, length]) => [type.charCodeAt(0), length])) };
    case "delimited": {
      const { delimiter, optional, maxLength } = layout;
      return { delimiter: String.fromCharCode(...delimiter), optional: optional ?? false, maxLength };
    }
    case "length": {
      const { bytes, offset, adjustment, strip = 0, endian, maxLength } = layout;
      const size = bytes === "varint" ? 0 : bytes;
      const least = Math.max(0, adjustment, size === 0 ? 0 : strip - offset - size);
      return { bytes: size, offset, adjustment, strip, little: endian === "little", least, maxLength };
    }
  }
}

function toLua(value: LuaValue): string {
  if (typeof value === "string") return luaString(value);
  if (typeof value !== "object") return String(value);
  if (value instanceof Map) return `{ ${[...value].map(([key, each]) => `[${key}] = ${toLua(each)}`).join(", ")} }`;
  if (Array.isArray(value)) return `{ ${value.map(toLua).join(", ")} }`;
  return `{ ${Object.entries(value).map(([name, each]) => `${name} = ${toLua(each)}`).join(", ")} }`;
}

/** A text in which each character stands for a byte of the given text in UTF-8, as strings are in Lua. */
function binary(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** Quotes a binary text; quotes, backslashes and bytes other than printable ASCII become escapes. */
function luaString(text: string): string {
  return `"${text.replace(/[^ !#-[\]-~]/g, (character) => `\\${String(character.charCodeAt(0)).padStart(3, "0")}`)}"`;
}

const PREAMBLE = String.raw`-- Dissectors for Wireshark, made by "deno task recording dissector".
--
--     wireshark -X lua_script:FILE CAPTURE
--     tshark -X lua_script:FILE -d tcp.port==9000,wirebench_header -r CAPTURE
--
-- In Wireshark choose one with "Decode As". A line without its newline at the end of a stream is not shown as a message.

-- Each reader looks for one message in a string, from "at" on (the first byte is 1). It returns the message's parts, each a
-- name and a length, and where the message ends; or nil and how many bytes are missing, where that is known; or nil, nil and
-- what is wrong.
local readers = {}

local function complete(data, at, parts)
  local last = at - 1
  for _, part in ipairs(parts) do last = last + part[2] end
  if last > #data then return nil, last - #data end
  return parts, last + 1
end

local function limited(length, layout)
  if length > layout.maxLength then
    return string.format("a message of %.0f bytes, over the limit of %.0f", length, layout.maxLength)
  end
end

function readers.decimal(layout, data, at)
  if #data < at + 9 then return nil, at + 9 - #data end
  local digits = data:sub(at, at + 9):match("^ *(%d+) *$")
  if not digits then return nil, nil, "a header that is no length" end
  local wrong = limited(tonumber(digits), layout)
  if wrong then return nil, nil, wrong end
  return complete(data, at, { { "header", 10 }, { "payload", tonumber(digits) } })
end

function readers.netstring(layout, data, at)
  local digits = data:match("^%d+", at) or ""
  local after = at + #digits
  if digits:match("^0%d") or limited(tonumber(digits) or 0, layout) or #digits > 15 then
    return nil, nil, "a header that is no length, or a length over the limit"
  end
  if after > #data then return nil end
  if digits == "" or data:byte(after) ~= 58 then return nil, nil, "a header that is no length" end
  local length = tonumber(digits)
  local parts, finish = complete(data, at, { { "header", #digits }, { "colon", 1 }, { "payload", length }, { "comma", 1 } })
  if parts and data:byte(finish - 1) ~= 44 then return nil, nil, "no comma after the payload" end
  return parts, finish
end

function readers.fixed(layout, data, at)
  return complete(data, at, { { "payload", layout.length } })
end

function readers.tagged(layout, data, at)
  local length = layout.lengths[data:byte(at)]
  if not length then return nil, nil, "an unknown type" end
  return complete(data, at, { { "type", 1 }, { "payload", length } })
end

function readers.delimited(layout, data, at)
  local first, last = data:find(layout.delimiter, at, true)
  if not first then
    -- The last bytes may be the beginning of the delimiter.
    local begun = #layout.delimiter - 1
    while begun > 0 and data:sub(math.max(at, #data - begun + 1)) ~= layout.delimiter:sub(1, begun) do begun = begun - 1 end
    if data:byte(#data) == layout.optional then begun = math.max(begun, 1) end
    return nil, nil, limited(#data - at + 1 - begun, layout)
  end
  if layout.optional and first > at and data:byte(first - 1) == layout.optional then first = first - 1 end
  local wrong = limited(first - at, layout)
  if wrong then return nil, nil, wrong end
  return { { layout.parts[1], first - at }, { layout.parts[2], last - first + 1 } }, last + 1
end

function readers.length(layout, data, at)
  local field = at + layout.offset
  local size = layout.bytes
  if size == 0 then -- a varint
    size = 1
    while size < 8 and field + size - 1 <= #data and data:byte(field + size - 1) >= 128 do size = size + 1 end
  end
  local after = field + size
  if after - 1 > #data then return nil, after - 1 - #data end
  local value = 0
  if layout.bytes == 0 then
    if data:byte(after - 1) >= 128 then return nil, nil, "a varint of more than 8 bytes" end
    for i = after - 1, field, -1 do value = value * 128 + data:byte(i) % 128 end
  elseif layout.little then
    for i = after - 1, field, -1 do value = value * 256 + data:byte(i) end
  else
    for i = field, after - 1 do value = value * 256 + data:byte(i) end
  end
  local count = value + layout.adjustment
  local wrong = limited(count, layout)
  if count < layout.least then wrong = "a length below the least" end
  if wrong then return nil, nil, wrong end
  local header = math.max(after - at, layout.strip)
  return complete(data, at, { { "header", header }, { "payload", after - at + count - header } })
end

-- Makes the dissector of a framing.
local function dissector(name, title, layout, ports)
  local proto = Proto(name, title)
  local fields = { length = ProtoField.uint32(name .. ".length", "Length") }
  local declared = { fields.length }
  for _, part in ipairs(layout.parts) do
    fields[part] = ProtoField.bytes(name .. "." .. part, part)
    declared[#declared + 1] = fields[part]
  end
  proto.fields = declared
  local unfit = ProtoExpert.new(name .. ".unfit", "Does not fit the framing", expert.group.MALFORMED, expert.severity.ERROR)
  proto.experts = { unfit }

  function proto.dissector(tvb, pinfo, tree)
    local data = tvb:raw()
    local at = 1
    local lengths = {}
    while at <= #data do
      local parts, finish, wrong = readers[layout.kind](layout, data, at)
      if wrong then
        local item = tree:add(proto, tvb(at - 1), title .. ", does not fit")
        item:add_proto_expert_info(unfit, wrong)
        at = #data + 1
      elseif not parts then
        pinfo.desegment_offset = at - 1
        pinfo.desegment_len = finish or DESEGMENT_ONE_MORE_SEGMENT
        break
      else
        local message = tree:add(proto, tvb(at - 1, finish - at))
        for _, part in ipairs(parts) do
          if part[1] == layout.payload then
            message:set_text(string.format("%s, %d bytes", title, part[2]))
            message:add(fields.length, part[2]):set_generated()
            lengths[#lengths + 1] = string.format("%d", part[2])
          end
          if part[2] > 0 then
            local text = data:sub(at, at + math.min(part[2], 64) - 1):gsub("[^\32-\126]", ".")
            message:add(fields[part[1]], tvb(at - 1, part[2])):append_text(" (" .. text .. ")")
          end
          at = at + part[2]
        end
      end
    end
    pinfo.cols.protocol = title
    if #lengths > 0 then
      pinfo.cols.info = string.format("%d message%s: %s bytes", #lengths, #lengths == 1 and "" or "s", table.concat(lengths, ", "))
    end
    return #data
  end

  local tcp = DissectorTable.get("tcp.port")
  tcp:add_for_decode_as(proto)
  for _, port in ipairs(ports) do tcp:add(port, proto) end
end
`;
