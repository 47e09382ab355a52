// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import dev.knarr.gguf.GgufMetadata.Value;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/**
 * Parses the header of one file. The format: {@code docs/gguf.md} of ggml; the limits llama.cpp
 * sets (four dimensions, names under 64 bytes, alignment a power of two) hold here too, since it
 * has to load the file afterwards. One use, one thread.
 */
final class HeaderParser {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final long MAX_KEYS = 1L << 16;
  private static final long MAX_TENSORS = 1L << 18;
  private static final long MAX_KEY_BYTES = 65_535;
  private static final long MAX_TENSOR_NAME_BYTES = 63;
  private static final long MAX_TEXT_BYTES = 1L << 16;
  private static final long MAX_HELD_ELEMENTS = 4096;
  private static final int MAX_ARRAY_DEPTH = 4;
  private static final long MAX_ALIGNMENT = 1L << 20;

  /** What all texts and arrays of one header may take together; later ones are not held. */
  private static final long MAX_HELD_BYTES = 16L << 20;

  private static final long BYTES_PER_HELD_ELEMENT = 24;
  private static final String FETCH_AGAIN = "The file is damaged: fetch it again.";

  /** One file's header. */
  record Header(int version, Map<String, Value> values, List<GgufTensor> tensors, long fileBytes) {}

  private final HeaderInput in;
  private final int part;
  private final Map<String, Value> values = new HashMap<>();
  private long heldBytes;

  private HeaderParser(HeaderInput in, int part) {
    this.in = in;
    this.part = part;
  }

  static Header parse(Path file, int part) {
    try (var channel = FileChannel.open(file)) {
      return new HeaderParser(new HeaderInput(file, channel), part).parse();
    } catch (IOException e) {
      throw new GgufException(
          GgufFault.UNREADABLE,
          file,
          0,
          "The model file cannot be read (" + reason(e) + ").",
          "Check the path and its permissions.",
          e);
    }
  }

  private static String reason(IOException e) {
    return switch (e) {
      case java.nio.file.NoSuchFileException _ -> "no such file";
      case java.nio.file.AccessDeniedException _ -> "permission denied";
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  private Header parse() throws IOException {
    int version = version();
    long tensorCount = in.i64();
    long keyCount = in.i64();
    atMost(tensorCount, MAX_TENSORS, "tensors");
    atMost(keyCount, MAX_KEYS, "metadata keys");
    // The shortest key: its length, one byte, type, one byte of value.
    in.expect(keyCount, 8 + 1 + 4 + 1, "%s metadata keys are");
    for (long i = 0; i < keyCount; i++) {
      var key = in.text((int) length(MAX_KEY_BYTES, "A metadata key"));
      var value = value(in.i32());
      if (values.put(key, value) != null) {
        throw malformed("The metadata key '%s' appears twice.".formatted(key));
      }
    }
    // The shortest tensor: name length, one byte, dimensions, one of them, type, offset.
    in.expect(tensorCount, 8 + 1 + 4 + 8 + 4 + 8, "%s tensors are");
    var tensors = tensors((int) tensorCount);
    return new Header(version, values, place(tensors), in.size());
  }

  private int version() throws IOException {
    if (in.size() < 24 || in.i32() != MAGIC) {
      throw in.fault(
          GgufFault.NOT_GGUF,
          "This is not a GGUF file: it does not begin with 'GGUF'.",
          "Name the .gguf file of the model; a web page or a Git LFS pointer saved under its name"
              + " looks like this too.");
    }
    int version = in.i32();
    if (version == 2 || version == 3) {
      return version;
    }
    boolean swapped = Integer.reverseBytes(version) == 2 || Integer.reverseBytes(version) == 3;
    throw in.fault(
        GgufFault.UNSUPPORTED_VERSION,
        swapped
            ? "The file is big-endian GGUF."
            : "The file has GGUF version %s; 2 and 3 are supported."
                .formatted(Integer.toUnsignedString(version)),
        swapped
            ? "Use the little-endian file of the model."
            : "Convert the model again with a current llama.cpp.");
  }

  private Value value(int type) throws IOException {
    return switch (type) {
      case 0 -> new Value.Whole(in.u8());
      case 1 -> new Value.Whole((byte) in.u8());
      case 2 -> new Value.Whole(in.u16());
      case 3 -> new Value.Whole((short) in.u16());
      case 4 -> new Value.Whole(Integer.toUnsignedLong(in.i32()));
      case 5 -> new Value.Whole(in.i32());
      case 6 -> new Value.Real(Float.intBitsToFloat(in.i32()));
      case 7 -> new Value.Flag(in.u8() != 0);
      case 8 -> textValue();
      case 9 -> array(1);
      case 10 -> {
        long value = in.i64();
        yield value < 0 ? new Value.Real(unsigned(value)) : new Value.Whole(value);
      }
      case 11 -> new Value.Whole(in.i64());
      case 12 -> new Value.Real(Double.longBitsToDouble(in.i64()));
      default -> throw malformed(badType(type));
    };
  }

  /** uint64 over 2^63 - 1: kept as the nearest real, so that it is never taken for a count. */
  private static double unsigned(long value) {
    return (value >>> 1) * 2.0;
  }

  private Value textValue() throws IOException {
    long bytes = in.i64();
    in.expect(bytes, 1, "A text of %s bytes is");
    if (bytes > MAX_TEXT_BYTES || heldBytes + bytes > MAX_HELD_BYTES) {
      in.skip(bytes);
      return new Value.LongText(bytes);
    }
    heldBytes += bytes;
    return new Value.Text(in.text((int) bytes));
  }

  private Value array(int depth) throws IOException {
    if (depth > MAX_ARRAY_DEPTH) {
      throw malformed("Arrays are nested more than %d deep.".formatted(MAX_ARRAY_DEPTH));
    }
    int type = in.i32();
    long count = in.i64();
    int fixedBytes = fixedBytes(type);
    in.expect(count, fixedBytes > 0 ? fixedBytes : 8, "An array of %s elements is");
    if (type == 8) {
      for (long i = 0; i < count; i++) {
        in.skip(in.i64());
      }
    } else if (type == 9) {
      for (long i = 0; i < count; i++) {
        array(depth + 1);
      }
    } else if (depth == 1 && type != 6 && type != 12 && mayHold(count)) {
      var list = new ArrayList<Long>((int) count);
      for (long i = 0; i < count; i++) {
        list.add(
            switch (value(type)) {
              case Value.Whole(var whole) -> whole;
              case Value.Flag(var flag) -> flag ? 1L : 0L;
              default -> throw malformed("An array holds a number over 2^63.");
            });
      }
      return new Value.Wholes(List.copyOf(list));
    } else {
      in.skip(count * fixedBytes); // no overflow: expect() has shown that it fits the file
    }
    return new Value.SkippedArray(count);
  }

  private boolean mayHold(long count) {
    if (count > MAX_HELD_ELEMENTS || heldBytes + count * BYTES_PER_HELD_ELEMENT > MAX_HELD_BYTES) {
      return false;
    }
    heldBytes += count * BYTES_PER_HELD_ELEMENT;
    return true;
  }

  /** Bytes of one element of an array; 0 for text and arrays, which vary. */
  private int fixedBytes(int type) {
    return switch (type) {
      case 0, 1, 7 -> 1;
      case 2, 3 -> 2;
      case 4, 5, 6 -> 4;
      case 10, 11, 12 -> 8;
      case 8, 9 -> 0;
      default -> throw malformed(badType(type));
    };
  }

  private static String badType(int type) {
    return "There is no metadata type %s.".formatted(Integer.toUnsignedString(type));
  }

  private List<GgufTensor> tensors(int count) throws IOException {
    var tensors = new ArrayList<GgufTensor>(Math.min(count, 4096));
    var names = new HashSet<String>();
    for (int i = 0; i < count; i++) {
      var name = in.text((int) length(MAX_TENSOR_NAME_BYTES, "A tensor's name"));
      if (!names.add(name)) {
        throw malformed("The tensor '%s' appears twice.".formatted(name));
      }
      var shape = shape(name);
      int code = in.i32();
      var type =
          GgmlType.ofCode(code)
              .orElseThrow(
                  () ->
                      in.fault(
                          GgufFault.UNKNOWN_TENSOR_TYPE,
                          "The tensor '%s' has type %s, which is unknown or was removed from ggml."
                              .formatted(name, Integer.toUnsignedString(code)),
                          "Use another quantisation of the model."));
      if (shape.getFirst() % type.blockElements() != 0) {
        throw malformed(
            "The rows of tensor '%s' have %,d elements, which is no multiple of %d as %s needs."
                .formatted(name, shape.getFirst(), type.blockElements(), type));
      }
      tensors.add(new GgufTensor(name, type, shape, part, in.i64(), bytes(name, type, shape)));
    }
    return tensors;
  }

  private List<Long> shape(String name) throws IOException {
    int dimensions = in.i32();
    if (dimensions < 1 || dimensions > 4) {
      throw malformed(
          "The tensor '%s' has %s dimensions; 1 to 4 are possible."
              .formatted(name, Integer.toUnsignedString(dimensions)));
    }
    var shape = new ArrayList<Long>(4);
    for (int d = 0; d < dimensions; d++) {
      long extent = in.i64();
      if (extent < 1) {
        throw malformed(
            "The tensor '%s' has an extent of %s.".formatted(name, Long.toUnsignedString(extent)));
      }
      shape.add(extent);
    }
    return shape;
  }

  private long bytes(String name, GgmlType type, List<Long> shape) {
    try {
      long bytes = type.rowBytes(shape.getFirst());
      for (long extent : shape.subList(1, shape.size())) {
        bytes = Math.multiplyExact(bytes, extent);
      }
      return bytes;
    } catch (ArithmeticException _) {
      throw malformed("The size of tensor '%s' (%s) is no 64-bit number.".formatted(name, shape));
    }
  }

  /** Turns offsets into the data section into offsets into the file, and checks them. */
  private List<GgufTensor> place(List<GgufTensor> tensors) {
    long alignment = alignment();
    long dataStart = Math.ceilDiv(in.position(), alignment) * alignment;
    var placed = new ArrayList<GgufTensor>(tensors.size());
    for (var tensor : tensors) {
      long offset = tensor.offset();
      if (offset < 0 || offset % alignment != 0) {
        throw malformed(
            "The tensor '%s' begins at %s, which is no multiple of the alignment %d."
                .formatted(tensor.name(), Long.toUnsignedString(offset), alignment));
      }
      if (offset > in.size() - dataStart || tensor.bytes() > in.size() - dataStart - offset) {
        throw in.fault(
            GgufFault.TRUNCATED,
            "The tensor '%s' (%,d bytes) lies behind the end of the file (%,d bytes)."
                .formatted(tensor.name(), tensor.bytes(), in.size()),
            "The file was not downloaded completely: fetch it again.");
      }
      placed.add(
          new GgufTensor(
              tensor.name(),
              tensor.type(),
              tensor.shape(),
              part,
              dataStart + offset,
              tensor.bytes()));
    }
    return placed;
  }

  private long alignment() {
    return switch (values.get("general.alignment")) {
      case null -> 32;
      case Value.Whole(var alignment)
          when alignment >= 1 && alignment <= MAX_ALIGNMENT && Long.bitCount(alignment) == 1 ->
          alignment;
      default ->
          throw malformed(
              "general.alignment is no power of two up to %,d.".formatted(MAX_ALIGNMENT));
    };
  }

  private long length(long limit, String what) throws IOException {
    long bytes = in.i64();
    if (bytes < 1 || bytes > limit) {
      throw in.fault(
          GgufFault.LIMIT_EXCEEDED,
          "%s of %s bytes; 1 to %,d are possible."
              .formatted(what, Long.toUnsignedString(bytes), limit),
          FETCH_AGAIN);
    }
    return bytes;
  }

  private void atMost(long count, long limit, String what) {
    if (count < 0 || count > limit) {
      throw in.fault(
          GgufFault.LIMIT_EXCEEDED,
          "%s %s announced; the limit is %,d.".formatted(Long.toUnsignedString(count), what, limit),
          FETCH_AGAIN);
    }
  }

  private GgufException malformed(String what) {
    return in.fault(GgufFault.MALFORMED, what, FETCH_AGAIN);
  }
}
