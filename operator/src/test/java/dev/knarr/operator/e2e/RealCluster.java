// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.e2e;

import dev.knarr.testkit.kube.OneNodeCluster;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/** One real cluster for all classes of a run: started by the first, ended after the last. */
final class RealCluster implements BeforeAllCallback, ParameterResolver {
  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  @Override
  public void beforeAll(ExtensionContext context) {
    kubernetes(context);
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == OneNodeCluster.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return kubernetes(context);
  }

  private static OneNodeCluster kubernetes(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(RealCluster.class))
        .getOrComputeIfAbsent(
            OneNodeCluster.class, _ -> OneNodeCluster.up(ROOT), OneNodeCluster.class);
  }
}
