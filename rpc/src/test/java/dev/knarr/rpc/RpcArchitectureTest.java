// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class RpcArchitectureTest {
  private static final JavaClasses RPC =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.knarr.rpc");

  @Nested
  class GivenTheModule {
    @Test
    void whenItsDependenciesAreRead_thenThereIsNothingButTheJdkAndJSpecify() {
      classes()
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "dev.knarr.rpc..", "java..", "javax.net.ssl", "org.jspecify.annotations")
          .check(RPC);
    }

    @Test
    void whenMessagesAndTensorsAreRead_thenTheyKnowNoChannel() {
      noClasses()
          .that()
          .resideInAnyPackage("dev.knarr.rpc", "dev.knarr.rpc.tensor")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.knarr.rpc.wire", "dev.knarr.rpc.transport")
          .check(RPC);
    }
  }
}
