// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Bind;
import dev.knarr.rpc.RouteRequest.Compute;
import dev.knarr.rpc.RouteRequest.Copy;
import dev.knarr.rpc.RouteRequest.ForgetGraph;
import dev.knarr.rpc.RouteRequest.ForgetSlot;
import dev.knarr.rpc.RouteRequest.Graph;
import dev.knarr.rpc.RouteRequest.Pull;
import dev.knarr.rpc.RouteRequest.Push;
import dev.knarr.rpc.RouteRequest.Put;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteRequest.Slot;
import dev.knarr.rpc.RouteRequest.Write;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.Varint;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A router that says what the bytes of a script choose: slots, graphs, bindings and buffers that it
 * has made before, and now and then something else. It ends after some dozens of commands, or when
 * the worker has closed its connection.
 */
final class ScriptedRouter {
  private static final int MOST_COMMANDS = 60;
  private static final int BUFFER_BYTES = 4096;
  private static final int NAMES = 4;

  private final ScriptedAbuse.Script script;
  private final RawRouter router;
  private final List<RawClient.Buffer> buffers = new ArrayList<>();

  /** What was made last under each name, as far as the router knows. */
  private final Map<Integer, byte[]> contents = new HashMap<>();

  private final int sense;

  private ScriptedRouter(byte[] script, RawRouter router) {
    this.script = new ScriptedAbuse.Script(script);
    this.router = router;
    this.sense = 8 + 2 * this.script.next();
  }

  /** Plays the script of one router. */
  static void play(byte[] script, int port) throws IOException {
    try (var router = RawRouter.to(port)) {
      new ScriptedRouter(script, router).play();
    } catch (IOException | RpcProtocolException | IllegalStateException e) {
      // The worker has closed the connection, as it may; so the router's own channel says.
    }
  }

  private void play() throws IOException {
    buffers.add(router.client().allocate(0, BUFFER_BYTES));
    for (int i = 0; i < MOST_COMMANDS; i++) {
      command();
    }
    router.client().channel().send(new RpcRequest.DeviceCount());
    router.client().channel().receive(RpcResponse.DeviceCounted.class);
  }

  private void command() throws IOException {
    switch (script.of(14)) {
      case 0 -> {
        if (buffers.size() < NAMES) {
          buffers.add(router.client().allocate(0, script.oneIn(4) ? 2048 : BUFFER_BYTES));
        }
      }
      case 1 -> {
        if (buffers.size() > 1) {
          router.client().free(buffers.remove(script.of(buffers.size())));
        }
      }
      case 2 -> {
        int bytes = script.of(64);
        byte[] steps = steps(bytes);
        router.send(new Put(handle(), offset(), bytes, steps.length), steps);
      }
      case 3 -> {
        int bytes = script.of(64);
        byte[] steps = steps(bytes);
        router.send(new Slot(name(), handle(), offset(), bytes, steps.length), steps);
      }
      case 4 -> {
        byte[] steps = script.of(2) == 0 ? new byte[0] : steps(script.of(64));
        router.send(new Write(name(), steps.length), steps);
      }
      case 5 -> router.send(new ForgetSlot(name()));
      case 6, 7 -> graph();
      case 8, 9 -> bind();
      case 10 -> router.send(new Compute(name()));
      case 11 -> {
        if (script.oneIn(4)) {
          router.send(new ForgetGraph(name()));
        } else {
          router.read(new Range(handle(), offset(), script.of(64)));
        }
      }
      case 12 -> router.send(new Copy(range(), handle(), offset()));
      default -> {
        if (script.oneIn(sense)) {
          router.send(script.of(2) == 0 ? new Push(name(), range()) : new Pull(name(), range()));
        } else {
          router.client().channel().send(new RpcRequest.BufferClear(handle(), (byte) 7));
        }
      }
    }
  }

  /** A graph that adds, as it is or with bytes of it changed, told whole or as a difference. */
  private void graph() throws IOException {
    int name = name();
    byte[] content = router.sumIn(buffers.get(script.of(buffers.size())));
    for (int changes = script.of(4); changes > 1; changes--) {
      content[script.of(content.length)] = (byte) script.next();
    }
    int base = script.of(NAMES);
    byte[] known = contents.get(base);
    byte[] steps = RawRouter.raw(content);
    if (known != null && known.length == content.length && base != name) {
      if (Arrays.equals(known, content)) {
        steps = new byte[0];
      }
      router.send(new Graph(name, base + 1, content.length, steps.length), steps);
    } else {
      router.send(new Graph(name, 0, content.length, steps.length), steps);
    }
    router.client().channel().receive(RouteResponse.GraphKept.class);
    contents.put(name, content);
  }

  private void bind() throws IOException {
    int count = script.oneIn(sense) ? script.of(RouteRequest.MAX_BUFFERS + 1) : 1;
    var over = Stream.generate(this::handle).limit(count).toList();
    router.send(new Bind(name(), script.oneIn(sense) ? 1 : 0, name(), over));
  }

  private Range range() {
    return new Range(handle(), offset(), script.of(64));
  }

  private int name() {
    return script.oneIn(sense) ? (int) (script.odd() & Integer.MAX_VALUE) : script.of(NAMES);
  }

  private long handle() {
    return script.oneIn(sense)
        ? script.odd() & Long.MAX_VALUE
        : buffers.get(script.of(buffers.size())).handle();
  }

  private long offset() {
    return script.oneIn(sense) ? script.odd() & Long.MAX_VALUE : script.of(32) * 64L;
  }

  /** A delta of so many bytes that fits, or one of anything. */
  private byte[] steps(int bytes) {
    if (script.oneIn(sense)) {
      byte[] anything = new byte[script.of(16)];
      for (int i = 0; i < anything.length; i++) {
        anything[i] = (byte) script.next();
      }
      return anything;
    }
    var out = ByteBuffer.allocate(Varint.MAX_BYTES + bytes);
    Varint.put(out, (long) bytes << 2);
    for (int i = 0; i < bytes; i++) {
      out.put((byte) script.next());
    }
    return Arrays.copyOf(out.array(), out.position());
  }
}
