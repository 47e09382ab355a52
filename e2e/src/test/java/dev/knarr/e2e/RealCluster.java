// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import java.util.Optional;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * One real cluster for all classes of a run: started by the first, ended after the last. All
 * classes run with {@code KNARR_E2E=1} or {@code KNARR_E2E_KUBECONFIG}, those without the tag
 * {@code long} with {@code KNARR_CI=1}, too.
 */
final class RealCluster implements ExecutionCondition, BeforeAllCallback, ParameterResolver {
  /** Of classes that CI leaves out. */
  static final String LONG = "long";

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    if (isSet("KNARR_E2E") || System.getenv("KNARR_E2E_KUBECONFIG") != null) {
      return ConditionEvaluationResult.enabled("All tests on a real cluster are wanted");
    }
    if (isSet("KNARR_CI") && !context.getTags().contains(LONG)) {
      return ConditionEvaluationResult.enabled("It is part of CI");
    }
    var sentence =
        "Not run: %s, on a real cluster, which takes minutes. KNARR_E2E=1 runs it, as root on a machine with Go; see e2e/README.md."
            .formatted(context.getDisplayName());
    if (context.getTestMethod().isEmpty()) {
      System.out.println(sentence);
    }
    return ConditionEvaluationResult.disabled(sentence);
  }

  private static boolean isSet(String name) {
    return Optional.ofNullable(System.getenv(name)).orElse("").equals("1");
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    kubernetes(context);
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == Kubernetes.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return kubernetes(context);
  }

  private static Kubernetes kubernetes(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(RealCluster.class))
        .getOrComputeIfAbsent(Kubernetes.class, _ -> Kubernetes.up(), Kubernetes.class);
  }
}
