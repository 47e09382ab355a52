// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.ProtocolFault;
import java.io.IOException;

/**
 * Something that no honest client sends.
 *
 * @param what it is, for the test's name
 * @param fault why it must be refused
 * @param greeted whether it comes after a proper HELLO
 */
record Attack(String what, ProtocolFault fault, boolean greeted, Script script) {
  /** Plays the hostile client. */
  @FunctionalInterface
  interface Script {
    void play(RawClient client) throws IOException;
  }

  /** Fills a graph on device 0, which is then computed. */
  @FunctionalInterface
  interface Graph {
    void draw(WireGraph graph) throws IOException;
  }

  /** An attack by a client that has said HELLO. */
  static Attack of(String what, ProtocolFault fault, Script script) {
    return new Attack(what, fault, true, script);
  }

  /** An attack by bytes that come first on a connection. */
  static Attack ungreeted(String what, ProtocolFault fault, byte[] bytes) {
    return new Attack(what, fault, false, client -> client.sendBytes(bytes));
  }

  /** An attack by bytes behind a HELLO. */
  static Attack bytes(String what, ProtocolFault fault, byte[] bytes) {
    return of(what, fault, client -> client.sendBytes(bytes));
  }

  /** An attack by one graph. */
  static Attack graph(String what, ProtocolFault fault, Graph drawing) {
    return of(
        what,
        fault,
        client -> {
          var graph = WireGraph.on(client, 0);
          drawing.draw(graph);
          graph.send(0, 1);
        });
  }

  @Override
  public String toString() {
    return what;
  }
}
