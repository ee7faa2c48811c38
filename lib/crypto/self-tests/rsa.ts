/**
 * Known answers of RSA. One size decrypts and signs; the others, which run the same functions, verify.
 *
 * The private key here is Wycheproof's own, published and worth nothing. Sources: Wycheproof testvectors_v1.
 */
import { opens, signs, signsRaw, verifies, wraps, type KnownAnswer } from "./known-answer.ts";

const PUBLISHED_KEY =
  "base64:MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCitFGgfQql+W5FVnFRNVBRSopbRi6+9xcJT6H+6CIk5jf5dG0/fK/TGHjYAyW271oXAPZZA7RpQp6J1urIhFCXtas5MYnbklEu2KdxGhJT+s0g95wV6CR/PT5C5G5IyY4lSi/pdlMToD7/jxfhoCk5eh+iao3OJvSQ7YEplhXZgUwi2mEEKOCcfZZYWUJm9cAh0PzsoI2UWhK+gt5NHs5rTAMUW100ldTtVBHrh42vBf16/D4JraDxEmQi9ZCXWhlpgW9IaYvLuhtNnK551GDY+fheeXUAXZvCLE5awPfBpF0SVppigH07mgLlpTDncwZvRT0fW0wunPeCAoP3QrnVAgMBAAECggEAJM3GIxf11ypva6bMljKJmwHR/yiGfXL2FoiZW8hVpOQgqEBSUAib2xPPjglUOCe3SLnSf7srTZ4gr4xaaoYnltGkzBitFupni8G9SoO7vpxeV0U7XOc4jkGjukzit3tEOKIp6VT3INrgNT3AiKyKdrJtwnb44beFHd1jmK0W/y54GVEjubA26UXDjJ0SQ09t92/iI1nrPhrJwBFnj8km+tOuR1pP//9V/rLRR+nIlPTA4ppZnnYkYkgtlov0J4CUX8DSwxxXPEQxuPT+i4xnvsgVq9RPeobtyhwjCHNzWNLCrl4uDi2t9zCYAmI3flixO32ZkgYKC8hwzP20qTGe4QKBgQDcQxBQ94LolPtSSCR9mMt9WLjR4k87VdBBxW5N4Iaw1bsCi9pC7rXSNNVoHlgJ1BXmoomtTPv3j5ePbDWBT1Duv/HFuApp94joHmurXdqng2nWWdFD7G8X55gTpXXPrZxWkVa5ARPi6REK2ee0ihyTSKbmUzIRkSkOo2z7OlsY8QKBgQC9GoHnl3+YmBIic64yIrWY6l+xnrTqvDgwil4yGWYDsuUA/7efW4hoFmEd68Ry+sRVRAcL6wV8lBN4poaK87egPT+YgOxH1eCJuU+95UKrqa6NcsVwiNer9bEx85CY97wWD5BTaryUkv1OBvPtcpnUuXuwNncgfZVmnxQM+8IPJQKBgQCpS1KLKPKRWZEh2RlS/9HH8h18FHnZnUeIhfsWGHDuEhi/CEcmEtvlSX6NnGUGiOCceGlhrj4sNU3EiuNFFHWcTCPEWISIlh3Aa0FOYcDh5/u9KSPTFTL+KJ+W2iIHEeWMFAGYCOAEFCdpM7sH5O+5tKmzdlaRcgUgnzPwlRXXwQKBgDrw5yqTOu8J/yUD33i6/tUxwC/xorxDfFQM3L1K01Q1z1EXY1llQ0gGKbEUyn94D/fvoy6gy24ADW2eofLvcf2c+ZSEIqFlVX4351Xt/nDZC5IFAutHi8mKY/eIzjoPhW1u3nJRo4O/qPpICoGpJa97PMU4xLq4yfdZf/toAR2NAoGAJkD7+8/vsWPueoe2SDpm7kH5VtkPqKeTm/wELuCSSxt5k9BEX3WNUZM+hRecAyCwyWi0ipHDi1vpI+EJfAxWL4jUIpS2onWbr6VCinTxJwh05F9vzGDyFgLeXszRQ88xJB9ZIbWtOYP7VO8XvjsoU2flDJmcZyR7VS/kv86UX3s=";

const PKCS1_SIGNATURE =
  "base64:ihsiDLKrQV3HYOt/W7EDNaPMomnX2799CWK6efnPe0Ol/AnJmhWE8HQDRz1sGJqDaJeltvjqn6ItYB5rpfdBH+J8Y4uBsaIjY1g6gPzox98+QPtRvQ5g0KZlP3nzvLfsPp3BTPtbMasXNbymktUKwD+XndqSdHxkMPgEXvo1E7puDOPp41Vw4cMMjr5Ym0QZLhNEyoPfpXb8b9x78c187odbAByMAs6NYCdp5L2dJBxIVxgqAImotnZE5z7vEFxVDvpHpAh0KJOVrAxOAv1LqY4TCkwtG5VSHGr0oAKsO9xuUhIq5MCMw9ociW4Fmsvd7FdKwEMvYQPdlyc9iAPBAg==";

const OAEP_CIPHERTEXT =
  "base64:IHGAw0Bli1FUrkXS5OcyagmXxoOia1leU2opMzxLZhSa+F4CnVQZo546FHsiFRb/2GtrS2bD4MTEn+jFei9cN7hwS5tZK4DbnNeIpO1Rq08KHL7WO9GNHwaiLyJYZrDCxBfLI0c7e6QlCxNTvS5bTw+TfNLv5fo42zwpX3dIuXAIhlfbSqmnbh7m+/8WbsGGHQDQhTJsc4S90bwvQA1PdNvfra8/3EYHPmaFc+AgMLnrWvWOtUDGZnencRlEeewAmNhYoupF0LoeazJEDfusdFAAVU1RoXaEypZLAqdNR58dQy73Y+9AWXFaQ0jP42ohU1lxLyW2l3kDvkrbkv679g==";

export const rsa2048: KnownAnswer = {
  source:
    "Wycheproof rsa_signature_2048_sha256_test.json #2, rsa_pss_2048_sha256_mgf1_32_test.json #2, rsa_oaep_2048_sha256_mgf1sha256_test.json #2",
  holds: async (mechanism) =>
    signs(mechanism, {
      format: "pkcs8",
      key: PUBLISHED_KEY,
      message: "0000000000000000000000000000000000000000",
      params: { scheme: "pkcs1", digest: "SHA-256" },
      signature: PKCS1_SIGNATURE,
    }) &&
    (await signsRaw(mechanism, {
      format: "pkcs8",
      key: PUBLISHED_KEY,
      digestInfo: "3031300d060960864801650304020105000420de47c9b27eb8d300dbb5f2c353e632c393262cf06340c4fa7f1b40c4cbd36f90",
      signature: PKCS1_SIGNATURE,
    })) &&
    opens(mechanism, {
      format: "pkcs8",
      key: PUBLISHED_KEY,
      plaintext: "0000000000000000000000000000000000000000",
      params: { digest: "SHA-256" },
      ciphertext: OAEP_CIPHERTEXT,
    }) &&
    wraps(mechanism, {
      format: "pkcs8",
      key: PUBLISHED_KEY,
      material: "0000000000000000000000000000000000000000",
      wrapped: OAEP_CIPHERTEXT,
      params: { scheme: "rsa-oaep" },
    }) &&
    verifies(mechanism, {
      spki: "base64:MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAorRRoH0KpfluRVZxUTVQUUqKW0YuvvcXCU+h/ugiJOY3+XRtP3yv0xh42AMltu9aFwD2WQO0aUKeidbqyIRQl7WrOTGJ25JRLtincRoSU/rNIPecFegkfz0+QuRuSMmOJUov6XZTE6A+/48X4aApOXofomqNzib0kO2BKZYV2YFMItphBCjgnH2WWFlCZvXAIdD87KCNlFoSvoLeTR7Oa0wDFFtdNJXU7VQR64eNrwX9evw+Ca2g8RJkIvWQl1oZaYFvSGmLy7obTZyuedRg2Pn4Xnl1AF2bwixOWsD3waRdElaaYoB9O5oC5aUw53MGb0U9H1tMLpz3ggKD90K51QIDAQAB",
      message: "0000000000000000000000000000000000000000",
      params: { scheme: "pss", digest: "SHA-256" },
      signature:
        "base64:BljGj+CJVkYFbZvKQipk/kiBO04U8MjEEi5W00W2gT3GKG/94BRhfjUcevCg0sDyhd73nLc04eBVol+m/dwcB9oXtLI1xjdBOxhJwkMR+nIzH0wEWMNkpJFt6GGbiE1+NyiPrRKSb8CR9IUWhqBP0KUE2849s3BmOm6mEo/qhsLKlMY+DTTX8shFtdcdml5URFH1JKRRrLhcSbunhk4KNKSGE6gZyvPf0NUQyUDx3yHDNzkVvh81CaVX+k1aTp8nPoVGeWETPiSCwJBzhkVCKPsCRmOGFvwxu7b6fCNhuANZlO7GmpI/TAuwuoaW3+ixQAwjmNezQ/30mLERbI3mAg==",
    }),
};

export const rsa3072: KnownAnswer = {
  source: "Wycheproof rsa_pss_3072_sha256_mgf1_32_test.json #2",
  holds: (mechanism) =>
    verifies(mechanism, {
      spki: "base64:MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAxv4jeSVmAjwmUofFrG9xVBwJlNEdBZ7mQDmG76IcJLUb2R2IYvnfeaTjKOPifIPfJgslqbQ0IK/8RLUejXUltvKcNypAUQRzIAdSemLtgvrHP0iSqA4JaCpBpYzTRwF/O+fYATNPktkyGq/VO1G/+r/HUs/Mrgse4Dva/55CjMHBF/GslrT+I/jCPmOBGGpm/VkokzmuVcS82tv/hKvapTIkDU4dKLLQSB2t07JGVXyo/hgJKBdzCznm7jeP/MhbGf/ckWqbmRprZtSpx7q19eejciEBFC56QQjBXVc7FSieB+RurqB7QsKry6Mw6ZVUtGVhZbtMDbK2OToH7KV1xRqTxOFb2w90eQlEfj7+NMZ8qJVLUw5WogobbYTUXtG806pY7AbxhO5YV6qoGeHMqaJvTijWuXfTORbbmJbSUtGvp2Lih8sNOEzHW/5T9Oki0C3QpIHAQuLTBrSzwYk3HldbJeAAWhZM9p3Ql25NW+R2gG6mvmCE5xq09axcGxIDAgMBAAE=",
      message: "0000000000000000000000000000000000000000",
      params: { scheme: "pss", digest: "SHA-256" },
      signature:
        "base64:jhDyP0kBHXYZRrKD1xUuhR7nblyqF0GwkB7qMX2JRfKgNoVRs/KzpqDWqTmuve2P6gqW3R0De+M7HDXOeNyJaTkYqZ1Ueh2JL0BHwJ//emUjrLDLDN3rzUpv3MMJpGbKlYD+3wMr9WFU+NedXEaGq/0ser00KzflNztZoH+oZbEYxE8sRLhRMG3Jfq7rY48UuvuwnIGZa+q6rsKMGfBv/Vnb4wgOASTiOGQYBSc19UHUljIsA+vubk3KuiTd6XcqnweZc98m6FTCVetI31DAHUmDHlS2TQ/4YtA/tNgv8gTTA7U3F2xQ6lZ2GoPQrtjtLe7Lu6mByKrNEwAFGoZNHv3Il/MTg8zW8YG/l2p156dhO2Czyypverhjb2cpkMEwF/KYHBG6NglsvqiY8BbFge6FnpUL7BlcxON24TQ0Gy/T49YYG6TTd7KqtqFIxuqMyp7jR4KX6QGFarGPYcAjPImYQeXaElUWz1J03Bsi4qUcki2u7M+tDyqL+E5TG8T4",
    }),
};

export const rsa4096: KnownAnswer = {
  source: "Wycheproof rsa_pss_4096_sha512_mgf1_64_test.json #2",
  holds: (mechanism) =>
    verifies(mechanism, {
      spki: "base64:MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAyadlwmYbRnTP80gOml5GKtCtL8m8b772KEezET0gmR9lOWeXHCglJ1P1+6zOASwqirWSkU0mnvr6ck+kuSDjQJMMEG97Nvec6/DmLojg5HaIjp8OIhhqzbbEUjojK2W0/yzCLcRPilWVJ9edfNfc83cyEve7mqEzwxFlzGY2kL8SPXOSPIOJKcyv7lnWxwlbjUp0uvLRksmk6HxOErxYATB4sop3iegunzHeH01qKqboBjK+jkvfJj6NSbCUFvsZxIjAetivciq3kYKyMCinHgZdAkEqnuvEbX2PTgPXkjjYwMtKl6mhIA67bsZAQuvsytlWdSbu7xLBfZTBBJyImXC5bpTMNTFyomiknF6L7hPBWznexE8sehqjenoLb3IpCsraMrHYrx/D3IqJSHuoE0fL6xNQkl0w+SOVgQa0mVnIcefB26VdoHcuNiz4Yh14YQhouJThbl3+yWh0qTpM83m0fn4xjOMVBm1w7jk4FApgFI8gUIXO+KdwDKPFPVKldWpjs7FvFTBithJipoSWIQyL5O8/kCnKDqDjs6DV1tIm7bv0Ta+PBF3Cht7TxOxNtrRTRwefM+r5jjyVtLYOee9KMJP+7FQ3A0Irp0oRhRHCGTtU/otjOGbtLHBcy8bn2dNlaAnsPTNW50AKlkjsN1BQQePjGvHALu/pJKZwR9MCAwEAAQ==",
      message: "0000000000000000000000000000000000000000",
      params: { scheme: "pss", digest: "SHA-512" },
      signature:
        "base64:BKIllSnliI/YcNfgUXqlsbwF4Z2kANbeG45nb0TWz/21w75AR08UOYVzC58X7vrSW+E2xOQpSga2oqHXxNa6K0MicUmmLigo2Md3HT/dwK7zYYfjciB5SArKnxxC/DWkGTEhY1sYMvK5/bHdFQkpqFo1/xLfuGclyCwdj9ccwvXew/c3PocyiR46l45MFaTnXrSfHJm7cyzlh9Oa1L3eYvS22//PaVIRTTvzOtWKdOPBKyIiOLUQFpMpCKqAAW+H/vRlycUS/3Cb4JPjTtRxQN80+xWk+PYp3gDDg8ZZn7UeD4wqtdTT+vUmp0nzQpHau/4V353rqE2IlyQ2kGA1s9Do3GqKudkALfOqEF9uOllbxm0PZMdg18FSuM27jgqa/ofDbWutY/oBf1QP8eZ9XYneqxQTAW7CWaS8GdjCUCV2+8tJseoaqEFj6h4/i7mxWay83rI5XWUxSXiJkXwcgiRWAZ9xgY3EmLnjUXzWj07qayQ2TuZRvb8ygqsfVeZ774+LYfdJ4ws9zrvKohUx7Mdym4yT8Dcy+BNnv1RfHVNxeqBWqqCKBDTindrXaValpkG0W5lGvHVhBvyo5244hdoVqq4GXeupXB5QPJlv/4QA4obqOjtA4NewNlJynOo1YtipDJ6pxltN49zAEyguPajH3iGIw8TJueQhRRZSkvw=",
    }),
};
