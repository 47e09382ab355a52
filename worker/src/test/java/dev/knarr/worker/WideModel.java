// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.knarr.gguf.GgufFile;
import dev.knarr.gguf.GgufTensor;
import dev.knarr.testkit.peers.DemoModel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;

/**
 * The demo model with feed-forward layers so wide that their tensors are hashed by clients. What is
 * added gets the weight zero, so it answers what the demo model answers.
 */
final class WideModel {
  /** Rows of 256 elements: of Q8_0 a little more than 10 MiB. */
  private static final int WIDTH = 38_912;

  private static final String WIDTH_KEY = "llama.feed_forward_length";
  private static final int Q8_0 = 8;
  private static final int BLOCK_ELEMENTS = 32;
  private static final int BLOCK_BYTES = 34;
  private static final int ALIGNMENT = 32;
  private static final int TEXT = 8;
  private static final int ARRAY = 9;

  private WideModel() {}

  /** Makes the model when it is first needed. */
  static synchronized Path file() throws IOException {
    Path made = Path.of("target", "knarr-wide-q8_0.gguf").toAbsolutePath();
    if (!Files.exists(made)) {
      Path unfinished = Path.of(made + ".new");
      write(unfinished);
      Files.move(unfinished, made);
    }
    return made;
  }

  /** The tensors that clients ask for by hash. */
  static List<GgufTensor> wideTensors() throws IOException {
    return GgufFile.open(file()).tensors().stream()
        .filter(tensor -> tensor.bytes() > 10 << 20)
        .toList();
  }

  private static boolean isWide(GgufTensor tensor) {
    return tensor.name().matches("blk\\.\\d+\\.ffn_(up|gate|down)\\.weight");
  }

  private static void write(Path target) throws IOException {
    var demo = GgufFile.open(DemoModel.file("q8_0"));
    var bytes =
        ByteBuffer.wrap(Files.readAllBytes(DemoModel.file("q8_0"))).order(ByteOrder.LITTLE_ENDIAN);
    int metadataEnd = widen(bytes);
    var tensors = demo.tensors().stream().map(tensor -> data(tensor, bytes)).toList();
    var head = ByteBuffer.allocate(metadataEnd + (1 << 20)).order(ByteOrder.LITTLE_ENDIAN);
    head.put(bytes.array(), 0, metadataEnd);
    long offset = 0;
    for (int i = 0; i < tensors.size(); i++) {
      describe(head, demo.tensors().get(i), offset);
      offset = aligned(offset + tensors.get(i).length);
    }
    head.position((int) aligned(head.position())).flip();
    try (var out =
        Files.newByteChannel(target, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      out.write(head);
      for (byte[] tensor : tensors) {
        out.position(aligned(out.position()));
        out.write(ByteBuffer.wrap(tensor));
      }
    }
  }

  private static long aligned(long offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void describe(ByteBuffer head, GgufTensor tensor, long offset) {
    byte[] name = tensor.name().getBytes(UTF_8);
    head.putLong(name.length).put(name).putInt(tensor.shape().size());
    for (long extent : tensor.shape()) {
      head.putLong(isWide(tensor) && extent == 768 ? WIDTH : extent);
    }
    head.putInt(tensor.type().code()).putLong(offset);
  }

  /** Sets the width in the metadata; returns where that ends. */
  private static int widen(ByteBuffer in) {
    in.position(16);
    long keys = in.getLong();
    for (long i = 0; i < keys; i++) {
      String key = text(in);
      int type = in.getInt();
      if (key.equals(WIDTH_KEY)) {
        in.putInt(in.position(), WIDTH);
      }
      skip(in, type);
    }
    return in.position();
  }

  private static String text(ByteBuffer in) {
    byte[] text = new byte[(int) in.getLong()];
    in.get(text);
    return new String(text, UTF_8);
  }

  private static void skip(ByteBuffer in, int type) {
    switch (type) {
      case TEXT -> text(in);
      case ARRAY -> {
        int element = in.getInt();
        long count = in.getLong();
        for (long i = 0; i < count; i++) {
          skip(in, element);
        }
      }
      case 0, 1, 7 -> in.position(in.position() + 1);
      case 4, 5, 6 -> in.position(in.position() + 4);
      default -> throw new IllegalStateException("The demo model has a value of type " + type);
    }
  }

  private static byte[] data(GgufTensor tensor, ByteBuffer from) {
    byte[] old = new byte[(int) tensor.bytes()];
    from.get((int) tensor.offset(), old);
    if (!isWide(tensor)) {
      return old;
    }
    if (tensor.type().code() != Q8_0) {
      throw new IllegalStateException(tensor + " is not of Q8_0");
    }
    byte[] wide = new byte[WIDTH * 256 / BLOCK_ELEMENTS * BLOCK_BYTES];
    if (tensor.name().contains("ffn_down")) {
      int oldRow = old.length / 256;
      for (int row = 0; row < 256; row++) {
        System.arraycopy(old, row * oldRow, wide, row * (wide.length / 256), oldRow);
      }
    } else {
      new Random(tensor.name().hashCode()).nextBytes(wide);
      for (int block = 0; block < wide.length; block += BLOCK_BYTES) {
        wide[block] = 0;
        wide[block + 1] = 0x10; // a scale of 2^-11
      }
      System.arraycopy(old, 0, wide, 0, old.length);
    }
    return wide;
  }
}
