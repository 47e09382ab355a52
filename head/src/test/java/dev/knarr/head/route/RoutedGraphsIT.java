// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.rpc.RpcCommand;
import dev.knarr.testkit.peers.DemoModel;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A graph crosses once. */
@Timeout(300)
class RoutedGraphsIT {
  private static final int TOKENS = 2000;

  /** What has crossed so far, to all workers. */
  private record Graphs(long whole, long changed, long named, long bytes) {
    static Graphs of(RunningRouter router) {
      return new Graphs(
          router.graphs("computed"),
          router.graphs("changed"),
          router.graphs("recomputed"),
          router.sentBytes(RpcCommand.ROUTE_GRAPH));
    }

    Graphs since(Graphs before) {
      return new Graphs(
          whole - before.whole,
          changed - before.changed,
          named - before.named,
          bytes - before.bytes);
    }
  }

  /** Streams an answer, and returns what crossed in its first and in its second half. */
  private static List<Graphs> generate(StockLlamaServer server, RunningRouter router)
      throws Exception {
    var request =
        HttpRequest.newBuilder(server.uri("/completion"))
            .POST(
                BodyPublishers.ofString(
                    """
                    {"prompt": "Knarr runs one model", "n_predict": %d, "ignore_eos": true,
                     "temperature": 0, "cache_prompt": false, "stream": true}
                    """
                        .formatted(TOKENS)))
            .build();
    var counted = new ArrayList<Graphs>();
    try (var http = HttpClient.newHttpClient()) {
      counted.add(Graphs.of(router));
      int tokens = 0;
      var events = http.send(request, BodyHandlers.ofLines()).body();
      for (var event : (Iterable<String>) events::iterator) {
        if (event.startsWith("data: ") && ++tokens == TOKENS / 2) {
          counted.add(Graphs.of(router));
        }
      }
      assertThat(tokens).isGreaterThanOrEqualTo(TOKENS);
      counted.add(Graphs.of(router));
    }
    return List.of(counted.get(1).since(counted.get(0)), counted.get(2).since(counted.get(1)));
  }

  /**
   * Each batch size and each 256 positions have graphs of their own. llama.cpp lays a graph out in
   * up to four places, one for each batch that may be on its way, so a repeated request still has
   * some that differ from all before by a few addresses.
   */
  @Test
  void whenADraftIsVerified_thenEachGraphCrossesOnce() throws Exception {
    try (var router = RunningRouter.over(2, 0);
        var server =
            RoutedAnswersIT.serve(
                router,
                "-md",
                DemoModel.file("draft-q8_0").toString(),
                "-ngld",
                "all",
                "--spec-type",
                "draft-simple",
                "--override-kv",
                "llama.context_length=int:4096",
                "-c",
                "2048")) {
      var first = generate(server, router);
      var again = generate(server, router);

      for (var half : Stream.concat(first.stream(), again.stream()).toList()) {
        assertThat(half.whole + half.changed).isLessThan(half.named / 50);
      }
      var second = again.getLast();
      assertThat(second.whole).isZero();
      assertThat(second.named).isGreaterThan(TOKENS / 2);
      // What a worker has been told it still has, so nothing is told it a second time.
      assertThat(router.frames(RpcCommand.ROUTE_FORGET_GRAPH, "request")).isZero();
    }
  }
}
